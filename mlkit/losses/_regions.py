"""Regions of labels and predictions, and a loss from their overlap."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import ops

from mlkit._core.types import Tensor
from mlkit.losses._class_targets import class_targets, weight_vector
from mlkit.losses._values import of_batch, predictions


class Regions(NamedTuple):
    """Sizes of the regions, of shape (N, C): what is in both, predicted only, true only."""

    both: Tensor
    predicted_only: Tensor
    true_only: Tensor


def overlap_loss(
    y_true: Tensor,
    y_pred: Tensor,
    score: Any,
    options: Mapping[str, Any],
    transform: Any = None,
) -> Tensor:
    """`1 - score(regions)` of each class, averaged over the classes: one value an example.

    `options` are the arguments that `OverlapLoss` holds; `transform` is applied to each class's
    value.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, options["ignore_class"], options["axis"])
    probabilities = _probabilities(y_pred, options["from_logits"], options["multilabel"])
    truth = targets.one_hot(y_pred.dtype)
    if targets.valid is not None:
        probabilities = probabilities * ops.cast(targets.valid, y_pred.dtype)[..., None]
    per_batch = options["per"] == "batch"
    axes = tuple(range(0 if per_batch else 1, len(y_pred.shape) - 1))
    both, predicted, true = (
        ops.sum(x, axis=axes) if axes else x for x in (truth * probabilities, probabilities, truth)
    )
    values = 1.0 - score(Regions(both, predicted - both, true - both))
    values = values if transform is None else transform(values)
    weights = weight_vector(options["class_weight"], targets.classes, y_pred.dtype)
    if weights is None:
        values = ops.mean(values, axis=-1)
    else:
        values = ops.sum(values * weights, axis=-1) / ops.sum(weights)
    return _checked(values, targets, y_pred, dtype, per_batch)


def _probabilities(y_pred: Tensor, from_logits: bool, multilabel: bool) -> Tensor:
    if not from_logits:
        return y_pred
    if multilabel or y_pred.shape[-1] == 1:
        return ops.sigmoid(y_pred)
    return ops.softmax(y_pred, axis=-1)


def _checked(values: Tensor, targets: Any, y_pred: Tensor, dtype: str, per_batch: bool) -> Tensor:
    """One value an example, NaN (or an error) where a label is no class or a prediction is NaN."""
    values = ops.broadcast_to(values, (ops.shape(y_pred)[0],))
    inside = ops.all(targets.inside, axis=tuple(range(1, len(targets.inside.shape))))
    inside = ops.all(inside) if per_batch else inside
    values = targets._replace(inside=inside, valid=None).checked(values)
    if per_batch:
        return of_batch(values, y_pred, dtype)
    lost = ops.any(ops.isnan(y_pred), axis=tuple(range(1, len(y_pred.shape))))
    return ops.cast(ops.where(lost, ops.cast(float("nan"), values.dtype), values), dtype)

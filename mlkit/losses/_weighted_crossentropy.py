"""Cross-entropy with class weights, an ignored label and smoothing, for both forms of labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import (
    check_class_weight,
    class_targets,
    log_probabilities,
    weight_vector,
)
from mlkit.losses._values import per_example, predictions


@register
def weighted_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    class_weight: Mapping[int, float] | Sequence[float] | None = None,
    from_logits: bool = False,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy with class weights, an ignored label and label smoothing.

    `-(1 - a) w[y] log p[y] - (a / C) Σ_c w[c] log p[c]`, with smoothing a and C classes. Labels of
    any rank: images and sequences have one label a pixel or step.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: probabilities or logits, with the classes along `axis`.
        class_weight: a weight ≥ 0 for each class: a sequence, or a dict (1 for what it leaves out).
            Default: None, all 1.
        from_logits: whether `y_pred` are logits. Default: False.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[0.9, 0.1], [0.5, 0.5]])
    >>> np.array(mk.losses.weighted_crossentropy([0, 1], p, {1: 3.0})).round(4).tolist()
    [0.1054, 2.0794]

    Reference:
        PyTorch, 2024, CrossEntropyLoss,
        https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html. The values are the
        same; its mean is that of the class with `reduction="mean_with_sample_weight"`.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    cost = -log_probabilities(y_pred, from_logits)
    weights = weight_vector(class_weight, targets.classes, y_pred.dtype)
    cost = cost if weights is None else cost * weights
    return per_example(targets.mean_of(cost, label_smoothing), y_pred, dtype)


@register
class WeightedCrossentropy(CategoricalLoss):
    """Cross-entropy with class weights, an ignored label and label smoothing.

    See `mlkit.losses.weighted_crossentropy`. The default reduction divides by the number of
    elements that are not ignored; `"mean_with_sample_weight"` by the sum of their class weights, as
    PyTorch does (an element whose class has weight 0 is then left out, smoothing included).

    Args:
        class_weight: a weight ≥ 0 for each class: a sequence, or a dict (1 for what it leaves out).
            Default: None, all 1.
        from_logits: whether predictions are logits. Default: False.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.WeightedCrossentropy(from_logits=True, ignore_class=255)
    >>> masks = np.array([[[0, 1], [255, 255]]])                     # (1, 2, 2)
    >>> round(float(loss(masks, np.zeros((1, 2, 2, 3)))), 4)
    1.0986
    """

    def __init__(
        self,
        class_weight: Mapping[int, float] | Sequence[float] | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(from_logits, ignore_class, label_smoothing, axis, **kwargs)
        check_class_weight("class_weight", class_weight)
        self.class_weight = class_weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return weighted_crossentropy(y_true, y_pred, self.class_weight, **self._shared())

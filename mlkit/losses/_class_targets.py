"""Labels of classification losses, sparse or one-hot, and what is done with them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from mlkit._core.guard import nan_unless
from mlkit._core.types import Tensor
from mlkit.losses._values import check_same_shape
from mlkit.ops._safe_log import safe_log

_EXACT_INTEGERS = {"float16": 2048, "bfloat16": 256}


class ClassTargets(NamedTuple):
    """Labels, class axis last: `sparse` integers or `dense` distributions, the other is None.

    `valid` is False where the label is the one to ignore (None: nothing is), `inside` False where a
    label is not a class; such labels stand as 0 in `sparse`.
    """

    sparse: Tensor | None
    dense: Tensor | None
    valid: Tensor | None
    inside: Tensor
    classes: int

    def mean_of(self, cost: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The cost of the true class, `(1 - a) cost[y] + a mean(cost)`; 0 where ignored."""
        if self.sparse is not None:
            picked = ops.take_along_axis(cost, self.sparse[..., None], axis=-1)
            values = ops.squeeze(picked, axis=-1)
        else:
            # Where nothing is claimed, an infinite cost is no cost.
            values = ops.sum(ops.where(self.dense > 0, self.dense * cost, 0.0), axis=-1)
        if label_smoothing:
            values = (1.0 - label_smoothing) * values + label_smoothing * ops.mean(cost, axis=-1)
        return self.checked(values)

    def checked(self, values: Tensor) -> Tensor:
        """The values, 0 where ignored; an error (under XLA: NaN) where a label is no class."""
        values = nan_unless(
            self.inside,
            values,
            f"`y_true` must hold classes from 0 to {self.classes - 1}, or `ignore_class`.",
        )
        return values if self.valid is None else ops.where(self.valid, values, 0.0)

    def one_hot(self, dtype: str) -> Tensor:
        """The labels as distributions, 0 for all classes where ignored."""
        if self.dense is not None:
            return self.dense
        dense = ops.one_hot(self.sparse, self.classes, dtype=dtype)
        return dense if self.valid is None else dense * ops.cast(self.valid, dtype)[..., None]


def class_targets(
    y_true: Tensor, y_pred: Tensor, ignore_class: int | None = None, axis: int = -1
) -> tuple[ClassTargets, Tensor]:
    """Labels and predictions with the class axis last, whichever form the labels have.

    Sparse labels have the shape of `y_pred` without the class axis, or 1 there; dense ones have the
    shape of `y_pred`.
    """
    y_true = ops.convert_to_tensor(y_true)
    rank, classes = len(y_pred.shape), y_pred.shape[axis]
    sparse = len(y_true.shape) == rank - 1
    if len(y_true.shape) == rank and y_true.shape[axis] == 1 and classes != 1:
        y_true, sparse = ops.squeeze(y_true, axis=axis), True
    if rank > 1 and axis not in (-1, rank - 1):
        y_pred = ops.moveaxis(y_pred, axis, -1)
        y_true = y_true if sparse else ops.moveaxis(y_true, axis, -1)
    if sparse:
        check_same_shape("y_true", y_true.shape, "y_pred without its classes", y_pred.shape[:-1])
        return _sparse(y_true, classes, ignore_class), y_pred
    check_same_shape("y_true", y_true.shape, "y_pred", y_pred.shape)
    if ignore_class is not None:
        raise ValueError(
            "`ignore_class` needs sparse labels. With one-hot labels give a `sample_weight` of 0. "
            f"Received: ignore_class={ignore_class}, y_true of shape {tuple(y_true.shape)}"
        )
    dense = ops.cast(y_true, y_pred.dtype)
    inside = ops.all(ops.logical_and(dense >= 0, dense <= 1), axis=-1)
    return ClassTargets(None, dense, None, inside, classes), y_pred


def _sparse(y_true: Tensor, classes: int, ignore_class: int | None) -> ClassTargets:
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if classes > _EXACT_INTEGERS.get(dtype, classes):
        raise ValueError(
            f"`y_true` holds labels of {classes} classes as {dtype}, which cannot tell them apart. "
            "Give the labels as integers."
        )
    labels = ops.cast(y_true, "int32")
    valid = None if ignore_class is None else ops.not_equal(labels, ignore_class)
    inside = ops.logical_and(labels >= 0, labels < classes)
    if "float" in dtype:  # 1.5 is no class
        inside = ops.logical_and(inside, ops.equal(ops.cast(labels, y_true.dtype), y_true))
    if valid is not None:
        inside = ops.logical_or(inside, ops.logical_not(valid))
    known = ops.logical_and(labels >= 0, labels < classes)
    return ClassTargets(ops.where(known, labels, 0), None, valid, inside, classes)


def log_probabilities(y_pred: Tensor, from_logits: bool) -> Tensor:
    """Log of the probabilities along the last axis, finite everywhere."""
    return ops.log_softmax(y_pred, axis=-1) if from_logits else safe_log(y_pred)


def weight_vector(class_weight: Any, classes: int, dtype: str) -> Tensor | None:
    """Class weights, from a sequence or from `{class: weight}` (1 for the others), as a tensor."""
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        weights = np.ones(classes)
        for key, value in class_weight.items():
            if not 0 <= int(key) < classes:
                raise ValueError(
                    f"`class_weight` must name classes from 0 to {classes - 1}. Received: "
                    f"class_weight={dict(class_weight)}"
                )
            weights[int(key)] = value
    else:
        weights = np.asarray(class_weight, "float64")
    if weights.shape != (classes,):
        raise ValueError(
            f"`class_weight` must hold one weight for each of the {classes} classes. Received: "
            f"{weights.size} weights"
        )
    return ops.convert_to_tensor(weights, dtype=dtype)


def check_class_weight(name: str, value: Mapping[Any, float] | Sequence[float] | None) -> None:
    """Raise `ValueError` unless all weights are finite and not negative."""
    if value is None:
        return
    numbers = np.asarray(list(value.values()) if isinstance(value, Mapping) else value, "float64")
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(
            f"`{name}` must hold finite numbers ≥ 0, one a class. Received: {name}={value!r}"
        )

"""Counts of true against predicted classes."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor


def _predicted(y_pred: Tensor, num_classes: int, threshold: float) -> Tensor:
    """Class of each prediction, without the axis of the classes."""
    last = y_pred.shape[-1] if len(y_pred.shape) > 1 else None
    if last == num_classes:
        return ops.argmax(y_pred, axis=-1)
    if num_classes == 2 and (last == 1 or len(y_pred.shape) == 1):
        score = ops.squeeze(y_pred, axis=-1) if last == 1 else y_pred
        return ops.cast(score > threshold, "int32")
    raise ValueError(
        f"`y_pred` must have shape [..., {num_classes}], one score a class"
        + (" (or [..., 1] or [N], the score of class 1). " if num_classes == 2 else ". ")
        + f"Received: y_pred.shape={tuple(y_pred.shape)}, num_classes={num_classes}"
    )


def _true(y_true: Tensor, shape: Any, num_classes: int) -> Tensor:
    """Class of each target, from integers or one row of scores each; `shape` is wanted."""
    rank = len(shape)
    if len(y_true.shape) == rank + 1 and y_true.shape[-1] == num_classes:
        return ops.argmax(y_true, axis=-1)
    if len(y_true.shape) == rank + 1 and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_true.shape) != rank or any(
        a != b for a, b in zip(y_true.shape, shape, strict=True) if a is not None and b is not None
    ):
        raise ValueError(
            f"`y_true` must have shape [...], [..., 1] or [..., {num_classes}] where the "
            f"predictions have {tuple(shape)}. Received: y_true.shape={tuple(y_true.shape)}"
        )
    return y_true


def confusion_matrix(
    y_true: Tensor,
    y_pred: Tensor,
    num_classes: int,
    sample_weight: Tensor | None = None,
    *,
    threshold: float = 0.5,
    dtype: str = "float32",
) -> Tensor:
    """Weighted counts of examples by true class (rows) and predicted class (columns).

    The predicted class is the one with the highest score (the first of equal ones), so logits and
    probabilities serve alike; with a single score for two classes it is 1 where the score is above
    `threshold`. Shapes are static under XLA.

    Args:
        y_true: integer classes of shape `[...]` or `[..., 1]`, or one-hot of `[..., classes]`.
        y_pred: scores of shape `[..., classes]`; for two classes also `[..., 1]` or `[N]`.
        num_classes: number of classes, at least 2.
        sample_weight: weight of each example: a number, or of shape `[...]` or a leading part of
            it, or with a last axis of 1. Default None: 1 each.
        threshold: limit for a single score; 0 for logits. Default 0.5.
        dtype: dtype of the counts. Default `"float32"`, exact up to 16,777,216 in an entry.

    Returns:
        Matrix of shape `[classes, classes]`. A class outside of [0, num_classes) with a weight
        other than 0 makes its counts NaN: it cannot raise in a compiled step, and a wrong figure
        would look like a right one.

    Raises:
        ValueError: shapes that do not match, an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> counts = mk.ops.confusion_matrix([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], 2)
        >>> counts.numpy().tolist()
        [[1.0, 0.0], [1.0, 1.0]]

    Reference:
        scikit-learn 1.7, 2025, https://scikit-learn.org/stable/modules/model_evaluation.html.
        Differs from its `confusion_matrix` in taking scores, not classes, as predictions.
    """
    check_integer("num_classes", num_classes, low=2)
    check_number("threshold", threshold)
    predicted = _predicted(ops.convert_to_tensor(y_pred), num_classes, threshold)
    true = _true(ops.convert_to_tensor(y_true), predicted.shape, num_classes)
    true, predicted = ops.cast(true, "int32"), ops.cast(predicted, "int32")
    weight = ops.cast(1.0 if sample_weight is None else sample_weight, dtype)
    if len(weight.shape) == len(true.shape) + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, axis=-1)
    while 0 < len(weight.shape) < len(true.shape):
        weight = ops.expand_dims(weight, axis=-1)
    weight = ops.broadcast_to(weight, ops.shape(true))
    known = ops.logical_and(true >= 0, true < num_classes)
    nan = ops.cast(float("nan"), dtype)
    weight = ops.where(ops.logical_or(known, weight == 0), weight, nan)
    cell = ops.clip(true, 0, num_classes - 1) * num_classes + predicted
    counts = ops.segment_sum(
        ops.reshape(weight, (-1,)), ops.reshape(cell, (-1,)), num_segments=num_classes**2
    )
    return ops.reshape(counts, (num_classes, num_classes))

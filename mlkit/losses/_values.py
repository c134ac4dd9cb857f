"""The way into a loss function and out of it: dtypes, shapes, and NaN that must not be lost."""

from typing import Any

import keras
from keras import ops

from mlkit._core.guard import refuse_empty, refuse_nan
from mlkit._core.precision import wide
from mlkit._core.targets import align_target
from mlkit._core.types import Tensor


def predictions(y_pred: Tensor) -> tuple[Tensor, str]:
    """`y_pred` in float32 or more, and the dtype that the loss is to be given back in."""
    y_pred = ops.convert_to_tensor(y_pred)
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    if "float" not in dtype:
        y_pred, dtype = ops.cast(y_pred, "float32"), "float32"
    refuse_empty("y_pred", y_pred)
    refuse_nan("y_pred", y_pred)
    return wide(y_pred), dtype


def targets_like(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`y_true` in the dtype of `y_pred` and in its shape, but for a last axis of size one."""
    return ops.cast(align_target(ops.convert_to_tensor(y_true), y_pred), y_pred.dtype)


def check_same_shape(name: str, shape: Any, other: str, other_shape: Any) -> None:
    """Raise `ValueError` unless two shapes agree wherever both are known."""
    same = len(shape) == len(other_shape)
    same = same and all(
        a is None or b is None or a == b for a, b in zip(shape, other_shape, strict=True)
    )
    if not same:
        raise ValueError(
            f"`{name}` and `{other}` must have the same shape: nothing is broadcast. Reshape one "
            f"of them. Received: {name} of shape {tuple(shape)}, {other} of shape "
            f"{tuple(other_shape)}"
        )


def check_rank(name: str, value: Tensor, rank: int, meaning: str) -> None:
    """Raise `ValueError` unless `value` has `rank` axes."""
    if len(value.shape) != rank:
        raise ValueError(
            f"`{name}` must be {meaning}. Received: {name} of shape {tuple(value.shape)}"
        )


def per_example(values: Tensor, y_pred: Tensor, dtype: str) -> Tensor:
    """The values of a loss, NaN where the predictions that they come from hold NaN.

    Comparisons, maxima and masks let a NaN disappear. The leading axes of `y_pred` are those of
    `values`; the rest is what each value was computed from.
    """
    axes = tuple(range(len(values.shape), len(y_pred.shape)))
    lost = ops.any(ops.isnan(y_pred), axis=axes) if axes else ops.isnan(y_pred)
    values = ops.where(lost, ops.cast(float("nan"), values.dtype), values)
    return ops.cast(values, dtype)


def of_batch(value: Tensor, y_pred: Tensor, dtype: str) -> Tensor:
    """A value of the whole batch (or values of shape (N,) that depend on all of it), as (N,).

    NaN anywhere in `y_pred` makes all of it NaN.
    """
    values = ops.broadcast_to(value, (ops.shape(y_pred)[0],))
    lost = ops.any(ops.isnan(y_pred))
    return ops.cast(ops.where(lost, ops.cast(float("nan"), values.dtype), values), dtype)

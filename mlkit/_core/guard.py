"""Checks of values that only exist when the program runs."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from mlkit._core.types import Tensor


def ensure(condition: Any, message: str) -> None:
    """Raise outside XLA unless `condition`, a scalar boolean tensor, holds.

    Eagerly this is a `ValueError`, in a graph a `tf.errors.InvalidArgumentError` when the step
    runs. XLA drops assertions without a word, so whoever calls this also makes the value NaN.

    Args:
        condition: scalar boolean tensor.
        message: what is wrong and the way out.

    Raises:
        ValueError: `condition` is known to be false.
    """
    if keras.backend.is_keras_tensor(condition):
        return
    if tf.is_symbolic_tensor(condition):
        # keras.ops has no assertion.
        tf.debugging.Assert(condition, [message])
    elif not bool(condition):
        raise ValueError(message)


def is_known(value: Any) -> bool:
    """Whether the value of a tensor can be read now: outside of any graph."""
    return not (keras.backend.is_keras_tensor(value) or tf.is_symbolic_tensor(value))


def nan_unless(condition: Tensor, values: Tensor, message: str) -> Tensor:
    """`values` where `condition` holds; else an error, or NaN under XLA, which raises none.

    Args:
        condition: boolean tensor of a shape that broadcasts to that of `values`.
        values: floating-point tensor.
        message: what is wrong and the way out.

    Raises:
        ValueError: `condition` is known not to hold everywhere.
    """
    ensure(ops.all(condition), message)
    return ops.where(condition, values, ops.cast(float("nan"), values.dtype))


def refuse_nan(name: str, value: Tensor) -> None:
    """Raise `ValueError` if a tensor whose values are known now holds NaN.

    In a graph nothing is raised: there a NaN travels on into the result, where loss scaling and the
    callbacks that act on it find it.
    """
    if tf.executing_eagerly() and bool(ops.any(ops.isnan(value))):
        count = int(ops.sum(ops.cast(ops.isnan(value), "int32")))
        raise ValueError(
            f"`{name}` holds NaN in {count} of {int(ops.size(value))} places. Look for a learning "
            f"rate that is too large, or the logarithm or root of zero. Received: {name} of shape "
            f"{tuple(value.shape)}"
        )


def refuse_empty(name: str, value: Tensor) -> None:
    """Raise `ValueError` if an axis of a tensor is known to be of size zero."""
    if 0 in tuple(value.shape):
        raise ValueError(
            f"`{name}` must hold at least one example. Received: {name} of shape "
            f"{tuple(value.shape)}"
        )

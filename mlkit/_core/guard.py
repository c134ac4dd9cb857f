"""Checks of values that only exist when the program runs."""

from typing import Any

import keras
import tensorflow as tf


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

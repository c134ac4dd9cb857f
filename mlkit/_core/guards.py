"""Checks of values, which are known only when the program runs."""

import keras
import tensorflow as tf
from keras import ops

from mlkit._core.types import Tensor


def nan_unless(condition: Tensor, values: Tensor, message: str) -> Tensor:
    """`values` where `condition` holds; else an error, or NaN where no error can be raised.

    Eagerly a failure raises `ValueError`, in a graph `tf.errors.InvalidArgumentError`. XLA drops
    assertions without a word, so that the entries that fail become NaN as well: a NaN is seen, a
    wrong number is not.

    Args:
        condition: boolean, of a shape that broadcasts against that of `values`.
        values: floating-point tensor.
        message: what was expected, naming the argument and the way out.
    """
    # TensorFlow itself, since keras.ops has no assertion that a graph can carry.
    if tf.executing_eagerly():
        if not bool(ops.all(condition)):
            raise ValueError(message)
        return values
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
        values = tf.identity(values)
    return ops.where(condition, values, ops.cast(float("nan"), values.dtype))


def refuse_nan(name: str, value: Tensor) -> None:
    """Raise `ValueError` if a tensor whose values are known now holds NaN.

    In a graph nothing is raised: there a NaN travels on into the result, where loss scaling and the
    callbacks that act on it find it.
    """
    if tf.executing_eagerly() and bool(ops.any(ops.isnan(value))):
        count = int(ops.sum(ops.cast(ops.isnan(value), "int32")))
        raise ValueError(
            f"`{name}` holds NaN in {count} of {ops.size(value)} places. Look for a learning rate "
            f"that is too large, or a logarithm or root of zero. Received: {name} of shape "
            f"{tuple(value.shape)}"
        )


def refuse_empty(name: str, value: Tensor) -> None:
    """Raise `ValueError` if an axis of a tensor is known to be of size zero."""
    if 0 in tuple(value.shape):
        raise ValueError(
            f"`{name}` must hold at least one example. Received: {name} of shape "
            f"{tuple(value.shape)}"
        )


def at_least_float32(value: Tensor) -> Tensor:
    """`value` as a floating-point tensor of 32 bits or more."""
    value = ops.convert_to_tensor(value)
    dtype = keras.backend.standardize_dtype(value.dtype)
    return value if dtype in ("float32", "float64") else ops.cast(value, "float32")

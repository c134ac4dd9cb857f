"""Gradients of embeddings: rows with their indices, of which one may stand there several times."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf  # keras.ops has no IndexedSlices
from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops._slices import is_slices, summed


def each(function: Callable[[Tensor], Tensor], gradient: Any) -> Any:
    """`function` of the values, for a function that is linear: repeated rows may stay."""
    if gradient is None:
        return None
    if is_slices(gradient):
        return with_values(gradient, function(gradient.values))
    return function(gradient)


def with_values(gradient: Any, values: Tensor) -> Any:
    return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)


def squared_norm(gradient: Any) -> Tensor:
    """Sum of the squares of a gradient, in at least float32."""
    values = summed(gradient).values if is_slices(gradient) else gradient
    return ops.sum(ops.square(wide(values)))


def global_norm(gradients: Sequence[Any]) -> Tensor:
    """√ of the sum of the squares of all gradients, in at least float32; 0 if all are None."""
    squares = [squared_norm(g) for g in gradients if g is not None]
    wide_type = "float64" if any(s.dtype == "float64" for s in squares) else "float32"
    return ops.sqrt(sum((ops.cast(s, wide_type) for s in squares), ops.zeros((), wide_type)))


def all_finite(gradients: Sequence[Any]) -> Tensor:
    """Whether no gradient holds an infinity or NaN: a scalar boolean."""
    finite = [
        ops.all(ops.isfinite(g.values if is_slices(g) else g)) for g in gradients if g is not None
    ]
    return ops.all(ops.stack(finite)) if finite else ops.convert_to_tensor(True)


def times(gradient: Any, factor: Tensor) -> Any:
    """A gradient times a scalar of any float type, in the gradient's own type."""
    if gradient is None:
        return None
    return each(
        lambda g: ops.cast(wide(g) * ops.cast(factor, wide(g).dtype), g.dtype),
        gradient,
    )

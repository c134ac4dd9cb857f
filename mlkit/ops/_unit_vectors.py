"""Vectors brought to length one."""

from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def unit_vectors(x: Tensor, axis: int = -1) -> Tensor:
    """Vectors along an axis, divided by their Euclidean length.

    A vector shorter than 1e-12 has no direction: it becomes zero, with gradient zero, where the
    division would give a gradient of 1e12 or NaN.

    Args:
        x: floating-point tensor.
        axis: axis of the vectors. Default: -1.

    Returns:
        Tensor of the shape of `x`, float32 (float64 if `x` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.ops.unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]]))).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    x = wide(x)
    squares = ops.sum(x * x, axis=axis, keepdims=True)
    zero = squares <= 1e-24
    length = ops.sqrt(ops.where(zero, ops.ones_like(squares), squares))
    return ops.where(zero, ops.zeros_like(x), x / length)

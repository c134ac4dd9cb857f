"""A square root whose gradient at zero is zero."""

from keras import ops

from mlkit._core.types import Tensor


def safe_sqrt(x: Tensor) -> Tensor:
    """Square root with gradient 0 at 0.

    The derivative 1 / (2 √x) is infinite at 0, and infinity times the zero gradient of whatever led
    to x = 0 is NaN: distances between equal points, norms of zero vectors. Here the point 0 is cut
    out before the root is taken, in value and in gradient.

    Args:
        x: floating-point tensor, ≥ 0. A negative entry gives 0, NaN gives NaN.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.ops.safe_sqrt(np.array([0.0, 4.0]))).tolist()
    [0.0, 2.0]
    """
    x = ops.convert_to_tensor(x)
    outside = x <= 0
    return ops.where(outside, ops.zeros_like(x), ops.sqrt(ops.where(outside, ops.ones_like(x), x)))

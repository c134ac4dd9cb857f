"""A logarithm that is finite at zero, with a finite gradient."""

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def safe_log(x: Tensor, floor: float = 1e-7) -> Tensor:
    """Logarithm of `max(x, floor)`, with gradient `1 / max(x, floor)`.

    For probabilities that may be exactly 0. The gradient below the floor is that at the floor, and
    not 0 as that of `log(maximum(x, floor))` would be: a probability that has become 0 can come
    back.

    Args:
        x: floating-point tensor.
        floor: smallest number whose logarithm is taken. Default: 1e-7.

    Returns:
        Tensor of the shape of `x`, float32 (float64 if `x` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.ops.safe_log(np.array([0.0, 1.0]), floor=1e-4)).round(2).tolist()
    [-9.21, 0.0]
    """
    check_number("floor", floor, low=0.0, open_low=True)
    x = wide(x)
    below = x < floor
    inside = ops.log(ops.where(below, ops.ones_like(x), x))
    slope = (x - ops.stop_gradient(x)) / floor  # value 0, gradient 1 / floor
    return ops.where(below, ops.log(ops.cast(floor, x.dtype)) + slope, inside)

"""The proximal step of l1 and l2 penalties."""

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.types import Tensor


def proximal(weights: Tensor, rate: Tensor, l1: float, l2: float) -> Tensor:
    """Minimum of `½ ‖x - weights‖² / rate + l1 |x| + ½ l2 x²`, element by element."""
    if l1:
        weights = ops.sign(weights) * ops.maximum(ops.abs(weights) - l1 * rate, 0.0)
    return weights / (1.0 + l2 * rate) if l2 else weights


def check_strengths(l1: float, l2: float) -> None:
    """Raise unless both are numbers of at least 0."""
    check_number("l1_regularization_strength", l1, low=0)
    check_number("l2_regularization_strength", l2, low=0)

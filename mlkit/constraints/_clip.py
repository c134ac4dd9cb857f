"""Weights inside an interval."""

from keras import constraints, ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class Clip(constraints.Constraint):
    """Each entry of the weight is clipped to [min_value, max_value].

    The critic of a Wasserstein GAN is trained so, and logits or temperatures are kept in range.

    Args:
        min_value: lower end, a finite number; default -0.01.
        max_value: upper end, a finite number ≥ `min_value`; default 0.01.

    Raises:
        ValueError: `max_value` is below `min_value`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.constraints.Clip(-1.0, 1.0)(np.array([-3.0, 0.5, 2.0]))).tolist()
        [-1.0, 0.5, 1.0]

    Reference:
        Arjovsky et al., 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875.
    """

    def __init__(self, min_value: float = -0.01, max_value: float = 0.01) -> None:
        check_number("min_value", min_value)
        check_number("max_value", max_value, low=min_value)
        self.min_value = min_value
        self.max_value = max_value

    def __call__(self, value: Tensor) -> Tensor:
        return ops.clip(value, self.min_value, self.max_value)

    def get_config(self) -> Config:
        return {"min_value": self.min_value, "max_value": self.max_value}

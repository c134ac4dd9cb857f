"""Penalty on weights that are spread out, whatever their scale."""

from keras import ops, regularizers

from mlkit._core.checks import check_bool, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class Hoyer(regularizers.Regularizer):
    """Ratio of the l1 to the l2 norm: small where few weights carry everything.

        squared:  factor * (sum |w|)² / sum w²            between 1 and the number n of weights
        else:     factor * sum |w| / sqrt(sum w²)         between 1 and sqrt(n)

    Unlike the l1 norm it does not shrink the weights that stay: multiplying all by a number changes
    nothing. A weight of zeros has the penalty 0.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 1e-4.
        squared: which of the two forms; default True, which is smooth and stronger on small
            weights.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> float(mk.regularizers.Hoyer(1.0)(np.array([1.0, 1.0, 0.0, 0.0])))
        2.0

    Reference:
        Yang, Wen and Li, 2020, DeepHoyer: Learning Sparser Neural Network with Differentiable
        Scale-Invariant Sparsity Measures, https://arxiv.org/abs/1908.09979.
    """

    def __init__(self, factor: float = 1e-4, squared: bool = True) -> None:
        check_number("factor", factor, low=0.0)
        check_bool("squared", squared)
        self.factor = factor
        self.squared = squared

    def __call__(self, x: Tensor) -> Tensor:
        x = wide(x)
        # The measure does not change with the scale, so that squares need not over- or underflow.
        largest = ops.stop_gradient(ops.max(ops.abs(x)))
        some = largest > 0
        x = x / ops.where(some, largest, ops.ones_like(largest))
        square = ops.sum(ops.square(x))
        ratio = ops.square(ops.sum(ops.abs(x))) / ops.where(some, square, ops.ones_like(square))
        if not self.squared:
            ratio = ops.sqrt(ops.where(some, ratio, ops.ones_like(ratio)))
            ratio = ops.where(some, ratio, ops.zeros_like(ratio))
        return self.factor * ratio

    def get_config(self) -> Config:
        return {"factor": self.factor, "squared": self.squared}

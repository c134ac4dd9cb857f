"""Penalty on the largest singular value of a kernel."""

from keras import ops, regularizers

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.ops._spectral_norm import spectral_norm


@register
class SpectralNorm(regularizers.Regularizer):
    """Penalty on how much a kernel stretches its input at most.

        factor / 2 * sigma(W)²

    with sigma as in `mlkit.ops.spectral_norm`. Where weight decay shrinks all directions, this
    shrinks only the most sensitive one: less sensitivity to perturbed inputs at less loss of
    capacity.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 0.01.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> float(mk.regularizers.SpectralNorm(1.0)(np.diag([2.0, 1.0])))
        2.0

    Reference:
        Yoshida and Miyato, 2017, Spectral Norm Regularization for Improving the Generalizability of
        Deep Learning, https://arxiv.org/abs/1705.10941. Differs from it: sigma is exact instead of
        one step of power iteration.
    """

    def __init__(self, factor: float = 0.01) -> None:
        check_number("factor", factor, low=0.0)
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return 0.5 * self.factor * ops.square(spectral_norm(x))

    def get_config(self) -> Config:
        return {"factor": self.factor}

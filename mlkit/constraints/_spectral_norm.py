"""Kernels with a bounded largest singular value."""

from keras import constraints, ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.ops._spectral_norm import spectral_norm


@register
class SpectralNorm(constraints.Constraint):
    """The kernel is scaled down until its largest singular value is in bounds.

        W <- W * min(1, max_sigma / sigma(W))

    with sigma as in `mlkit.ops.spectral_norm`. A kernel inside the bound is left alone. Use it to
    bound the Lipschitz constant of a layer.

    Args:
        max_sigma: the bound, a number > 0; default 1.0.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.constraints.SpectralNorm(2.0)(np.diag([4.0, 1.0]))).tolist()
        [[2.0, 0.0], [0.0, 0.5]]

    Reference:
        Gouk et al., 2021, Regularisation of neural networks by enforcing Lipschitz continuity,
        https://arxiv.org/abs/1804.04368. Differs from it: the exact singular value instead of power
        iteration. Differs from `keras.layers.SpectralNormalization`, which divides always and
        keeps its own copy of the kernel.
    """

    def __init__(self, max_sigma: float = 1.0) -> None:
        check_number("max_sigma", max_sigma, low=0.0, open_low=True)
        self.max_sigma = max_sigma

    def __call__(self, value: Tensor) -> Tensor:
        value = ops.convert_to_tensor(value)
        sigma = spectral_norm(value)
        scale = ops.minimum(1.0, self.max_sigma / ops.maximum(sigma, 1e-30))
        return value * ops.cast(scale, value.dtype)

    def get_config(self) -> Config:
        return {"max_sigma": self.max_sigma}

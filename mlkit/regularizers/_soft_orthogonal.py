"""Penalty on kernels whose columns are not orthonormal."""

from keras import ops, regularizers

from mlkit._core.checks import check_choice, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.ops._spectral_norm import kernel_matrix, spectral_norm


@register
class SoftOrthogonal(regularizers.Regularizer):
    """Penalty on the distance of a kernel from an orthogonal one.

    The kernel, of a dense layer or a convolution, is seen as a matrix W of (everything else,
    units). With G = W'W (or WW' where W has more columns than rows, and cannot do better):

        frobenius:  factor * |G - I|²_F
        srip:       factor * sigma(G - I)        the largest deviation of any direction's length

    `"srip"` bounds how much the layer stretches or shrinks and is the stronger in practice;
    `"frobenius"` is smooth.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 1e-4.
        mode: `"frobenius"` (default) or `"srip"`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> float(mk.regularizers.SoftOrthogonal(1.0)(np.diag([1.0, 2.0])))
        9.0
        >>> float(mk.regularizers.SoftOrthogonal(1.0, "srip")(np.diag([1.0, 2.0])))
        3.0

    Reference:
        Bansal, Chen and Wang, 2018, Can We Gain More from Orthogonality Regularizations in Training
        Deep CNNs?, https://arxiv.org/abs/1810.09102. Differs from it: sigma is exact instead of two
        steps of power iteration. Differs from `keras.regularizers.OrthogonalRegularizer`, which
        takes rank 2 only and leaves the lengths free.
    """

    def __init__(self, factor: float = 1e-4, mode: str = "frobenius") -> None:
        check_number("factor", factor, low=0.0)
        check_choice("mode", mode, ["frobenius", "srip"])
        self.factor = factor
        self.mode = mode

    def __call__(self, x: Tensor) -> Tensor:
        matrix = wide(kernel_matrix(x))
        if matrix.shape[0] < matrix.shape[1]:
            matrix = ops.transpose(matrix)
        gram = ops.matmul(ops.transpose(matrix), matrix)
        excess = gram - ops.eye(matrix.shape[1], dtype=matrix.dtype)
        if self.mode == "srip":
            return self.factor * spectral_norm(excess)
        return self.factor * ops.sum(ops.square(excess))

    def get_config(self) -> Config:
        return {"factor": self.factor, "mode": self.mode}

"""Kernels with orthonormal columns."""

from keras import constraints, ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.ops._spectral_norm import kernel_matrix, spectral_norm


@register
class Orthogonal(constraints.Constraint):
    """The kernel is replaced by an orthogonal one of its shape.

    The kernel is seen as a matrix W of (everything else, units). If it has at least as many rows as
    columns, W'W = I afterwards, else WW' = I. Two ways:

    * `"qr"`: W = QR gives Q, with signs such that the diagonal of R is positive. Cheap and exact;
      the first columns move least.
    * `"bjorck"`: the iteration W <- W (3 I - W'W) / 2 leads to the orthogonal matrix that is
      nearest to W in the Frobenius norm (the polar factor). All columns move alike. It needs a
      kernel of full rank; small singular values need more iterations.

    Use it for recurrent kernels, for Lipschitz networks and where features should not repeat.

    Args:
        method: `"qr"` (default) or `"bjorck"`.
        iterations: steps of `"bjorck"`, an integer ≥ 1; default 20, which brings singular values
            from a thousandth of the largest to 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.constraints.Orthogonal()(np.array([[3.0, 1.0], [0.0, 2.0]]))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Reference:
        Björck and Bowie, 1971, An iterative algorithm for computing the best estimate of an
        orthogonal matrix, https://doi.org/10.1137/0708036. Differs from it: W is divided by its
        largest singular value first, without which the iteration diverges.
    """

    def __init__(self, method: str = "qr", iterations: int = 20) -> None:
        check_choice("method", method, ["qr", "bjorck"])
        check_integer("iterations", iterations, low=1)
        self.method = method
        self.iterations = iterations

    def __call__(self, value: Tensor) -> Tensor:
        value = ops.convert_to_tensor(value)
        matrix = wide(kernel_matrix(value))
        flat = matrix.shape[0] < matrix.shape[1]
        tall = ops.transpose(matrix) if flat else matrix
        result = self._qr(tall) if self.method == "qr" else self._bjorck(tall)
        result = ops.transpose(result) if flat else result
        return ops.cast(ops.reshape(result, value.shape), value.dtype)

    def _qr(self, matrix: Tensor) -> Tensor:
        q, r = ops.linalg.qr(matrix)
        diagonal = ops.diagonal(r)
        return q * ops.where(diagonal < 0, -ops.ones_like(diagonal), ops.ones_like(diagonal))

    def _bjorck(self, matrix: Tensor) -> Tensor:
        matrix = matrix / ops.maximum(spectral_norm(matrix), 1e-30)
        for _ in range(self.iterations):
            gram = ops.matmul(ops.transpose(matrix), matrix)
            matrix = 1.5 * matrix - 0.5 * ops.matmul(matrix, gram)
        return matrix

    def get_config(self) -> Config:
        return {"method": self.method, "iterations": self.iterations}

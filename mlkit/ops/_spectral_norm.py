"""Largest singular value of a kernel."""

from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def kernel_matrix(kernel: Tensor) -> Tensor:
    """A kernel as a matrix: all axes but the last (the output units) are joined.

    Args:
        kernel: tensor of rank ≥ 1; a vector is one column.

    Returns:
        Matrix of shape `(inputs, units)`, of the kernel's dtype.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.ops.kernel_matrix(np.ones((3, 3, 2, 8))).shape
        TensorShape([18, 8])
    """
    kernel = ops.convert_to_tensor(kernel)
    units = kernel.shape[-1] if len(kernel.shape) > 1 else 1
    return ops.reshape(kernel, (-1, units))


def spectral_norm(kernel: Tensor) -> Tensor:
    """Largest singular value of a kernel, with its exact gradient.

    The kernel is seen as a matrix of (everything else, units), see `mlkit.ops.kernel_matrix`:

        sigma(W) = max over |u| = |v| = 1 of u' W v,        d sigma / d W = u v'

    The singular vectors come from the eigenvectors of the smaller Gram matrix and are held
    constant, so that the gradient divides by nothing and stays finite where singular values
    coincide and where the kernel is zero. Use it to bound or penalise the Lipschitz constant of a
    layer. For a convolution this is the norm of the reshaped kernel, as usual in the literature,
    not of the convolution as a linear map.

    Args:
        kernel: tensor of rank ≥ 1.

    Returns:
        Scalar, float32 (float64 for a float64 kernel).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> float(mk.ops.spectral_norm(np.diag([3.0, 4.0])))
        4.0

    Reference:
        Miyato et al., 2018, Spectral Normalization for Generative Adversarial Networks,
        https://arxiv.org/abs/1802.05957. Differs from it: the exact value instead of one step of
        power iteration, so that there is no state to save.
    """
    matrix = wide(kernel_matrix(kernel))
    rows, columns = matrix.shape
    fixed = ops.stop_gradient(matrix)
    # Eigenvalues are squares: without the scale, weights of 1e-23 or 1e20 leave float32.
    scale = ops.max(ops.abs(fixed))
    fixed = fixed / ops.where(scale > 0, scale, ops.ones_like(scale))
    if columns <= rows:
        v = ops.linalg.eigh(ops.matmul(ops.transpose(fixed), fixed))[1][:, -1:]
        u = ops.matmul(fixed, v)
        u = u / ops.maximum(ops.norm(u), 1e-30)
    else:
        u = ops.linalg.eigh(ops.matmul(fixed, ops.transpose(fixed)))[1][:, -1:]
        v = ops.matmul(ops.transpose(fixed), u)
        v = v / ops.maximum(ops.norm(v), 1e-30)
    u, v = ops.stop_gradient(u), ops.stop_gradient(v)
    return ops.sum(matrix * ops.matmul(u, ops.transpose(v)))

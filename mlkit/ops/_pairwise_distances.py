"""Distances between all pairs of rows of two matrices."""

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops._safe_sqrt import safe_sqrt
from mlkit.ops._unit_vectors import unit_vectors

_METRICS = ("euclidean", "squared_euclidean", "cosine")


def pairwise_distances(x: Tensor, y: Tensor | None = None, metric: str = "euclidean") -> Tensor:
    """Distances between every row of `x` and every row of `y`.

    `euclidean` is |a - b|, `squared_euclidean` |a - b|², `cosine` 1 - a·b / (|a| |b|), in [0, 2].
    The first two are computed as |a|² + |b|² - 2 a·b, one matrix product, after the mean of `y` has
    been taken from both: rows far from the origin then lose no digits to one another. Without `y`
    the diagonal is exactly zero. Gradients are finite everywhere; that of |a - b| is 0 at a = b.

    Args:
        x: matrix of shape `(n, d)`.
        y: matrix of shape `(m, d)`. Default: `x` itself.
        metric: `"euclidean"`, `"squared_euclidean"` or `"cosine"`. Default: `"euclidean"`.

    Returns:
        Tensor of shape `(n, m)`, float32 (float64 if `x` is).

    Raises:
        ValueError: another metric, or an operand that is not a matrix.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> x = np.array([[0.0, 0.0], [3.0, 4.0]], "float32")
    >>> np.array(mk.ops.pairwise_distances(x)).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    check_choice("metric", metric, _METRICS)
    itself = y is None
    x = wide(x)
    y = x if itself else ops.cast(y, x.dtype)
    for name, operand in (("x", x), ("y", y)):
        if len(operand.shape) != 2:
            raise ValueError(
                f"`{name}` must be a matrix with one row a point. Received: {name} of shape "
                f"{tuple(operand.shape)}"
            )
    if metric == "cosine":
        x, y = unit_vectors(x), unit_vectors(y)
        distances = 1.0 - ops.matmul(x, ops.transpose(y))
    else:
        # A constant shift leaves distances alone, so it needs no gradient.
        centre = ops.stop_gradient(ops.mean(y, axis=0, keepdims=True))
        x, y = x - centre, y - centre
        squares = ops.sum(x * x, axis=1)[:, None] + ops.sum(y * y, axis=1)[None, :]
        distances = squares - 2.0 * ops.matmul(x, ops.transpose(y))
    distances = ops.where(distances > 0, distances, ops.where(distances <= 0, 0.0, distances))
    if itself:
        n = ops.shape(x)[0]
        distances = ops.where(ops.eye(n, dtype="bool"), ops.zeros_like(distances), distances)
    return safe_sqrt(distances) if metric == "euclidean" else distances

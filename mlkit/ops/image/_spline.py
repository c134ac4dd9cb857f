"""Polyharmonic splines through scattered points."""

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def interpolate_spline(
    train_points: Tensor,
    train_values: Tensor,
    query_points: Tensor,
    order: int,
    regularization_weight: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """Values at new places from those at given points, by a polyharmonic spline.

    f(x) = Σ_i w_i φ(|x - c_i|) + vᵀ x + b, with φ(r) = r^order for an odd order and
    r^order log(r) for an even one, through all points (with weight 0), and a plane far away.

    Args:
        train_points: c, `(batch, n, d)`; n > d, not all on a line or plane.
        train_values: `(batch, n, k)`.
        query_points: x, `(batch, m, d)`.
        order: of the spline, at least 1; 1 is linear, 2 a thin plate, 3 cubic.
        regularization_weight: ≥ 0 on the diagonal: above 0 the values need not be met. Default 0.0.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of shape `(batch, m, k)`, float32 (float64 for float64 points).

    Raises:
        ValueError: an argument out of its range, or shapes other than these.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> points = np.array([[[0.0], [1.0], [2.0]]])
        >>> y = mk.ops.image.interpolate_spline(points, points**2, np.array([[[0.5]]]), order=1)
        >>> round(float(y[0, 0, 0]), 4)
        0.5

    Reference:
        Duchon, 1977, Splines minimizing rotation-invariant semi-norms in Sobolev spaces,
        https://doi.org/10.1007/BFb0086566; `tfa.image.interpolate_spline`,
        `scipy.interpolate.RBFInterpolator`.
    """
    check_integer("order", order, low=1)
    check_number("regularization_weight", regularization_weight, low=0.0)
    c, f, x = wide(train_points), wide(train_values), wide(query_points)
    if not len(c.shape) == len(f.shape) == len(x.shape) == 3 or c.shape[-1] != x.shape[-1]:
        raise ValueError(
            "`train_points`, `train_values` and `query_points` must have shapes (batch, n, d), "
            f"(batch, n, k) and (batch, m, d). Received: {tuple(c.shape)}, {tuple(f.shape)}, "
            f"{tuple(x.shape)}"
        )
    batch, n, d = ops.shape(c)
    with keras.name_scope(name or "interpolate_spline"):
        eye = ops.eye(n, dtype=c.dtype)
        kernel = _phi(_squares(c, c), order) + regularization_weight * eye
        plane = ops.concatenate([c, ops.ones((batch, n, 1), dtype=c.dtype)], axis=-1)
        corner = ops.zeros((batch, d + 1, d + 1), dtype=c.dtype)
        left = ops.concatenate([kernel, ops.transpose(plane, (0, 2, 1))], axis=1)
        matrix = ops.concatenate([left, ops.concatenate([plane, corner], axis=1)], axis=2)
        values = ops.concatenate([f, ops.zeros((batch, d + 1, f.shape[-1]), dtype=f.dtype)], axis=1)
        solved = ops.linalg.solve(matrix, values)
        w, v = solved[:, :n], solved[:, n:]
        here = ops.concatenate([x, ops.ones_like(x[..., :1])], axis=-1)
        return ops.matmul(_phi(_squares(x, c), order), w) + ops.matmul(here, v)


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances `(batch, n, m)`; as differences, so that none is lost near zero."""
    return ops.sum(ops.square(a[:, :, None] - b[:, None]), axis=-1)


def _phi(squares: Tensor, order: int) -> Tensor:
    """The kernel from squared distances; its gradient at 0 is 0."""
    near = squares < 1e-10
    safe = ops.where(near, ops.ones_like(squares), squares)
    values = safe ** (order / 2)
    if order % 2 == 0:
        values = 0.5 * values * ops.log(safe)
    return ops.where(near, ops.zeros_like(values), values)

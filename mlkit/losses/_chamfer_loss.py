"""Distance between two clouds of points."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_rank, check_same_shape, per_example, predictions
from mlkit.ops._safe_sqrt import safe_sqrt


@register
def chamfer_loss(y_true: Tensor, y_pred: Tensor, squared: bool = True) -> Tensor:
    """Distance between two clouds of points (Chamfer).

    `mean_a min_b |a - b|² + mean_b min_a |a - b|²`: each point goes to the nearest of the other
    cloud. The clouds need not have the same number of points.

    Args:
        y_true: points of shape `(N, points, d)`.
        y_pred: points of shape `(N, other points, d)`.
        squared: whether distances are squared. Default: True.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Raises:
        ValueError: shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> a, b = np.array([[[0.0], [1.0]]]), np.array([[[0.0]]])
    >>> np.array(mk.losses.chamfer_loss(a, b)).tolist()
    [0.5]

    Reference:
        Fan et al., 2017, A point set generation network, https://arxiv.org/abs/1612.00603. Differs
        in the means, which are sums there.
    """
    y_pred, dtype = predictions(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    check_rank("y_pred", y_pred, 3, "points of shape (N, points, d)")
    check_rank("y_true", y_true, 3, "points of shape (N, points, d)")
    check_same_shape(
        "y_true without its points", y_true.shape[::2], "y_pred without its", y_pred.shape[::2]
    )
    # The nearest are found by a matrix product, and their distances taken by difference: exact.
    centre = ops.stop_gradient(ops.mean(y_true, axis=1, keepdims=True))
    a, b = ops.stop_gradient(y_true) - centre, ops.stop_gradient(y_pred) - centre
    products = ops.matmul(a, ops.transpose(b, (0, 2, 1)))
    squares = ops.sum(a * a, axis=-1)[:, :, None] + ops.sum(b * b, axis=-1)[:, None, :]
    matrix = squares - 2.0 * products
    values = 0.0
    for points, others, axis in ((y_true, y_pred, 2), (y_pred, y_true, 1)):
        nearest = ops.argmin(matrix, axis=axis)
        there = ops.take_along_axis(others, nearest[..., None], axis=1)
        distance = ops.sum((points - there) * (points - there), axis=-1)
        values = values + ops.mean(distance if squared else safe_sqrt(distance), axis=-1)
    return per_example(values, y_pred, dtype)


@register
class ChamferLoss(BaseLoss):
    """Distance between two clouds of points (Chamfer).

    See `mlkit.losses.chamfer_loss`.

    Args:
        squared: whether distances are squared. Default: True.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> a, b = np.array([[[0.0], [1.0]]]), np.array([[[0.0]]])
    >>> float(mk.losses.ChamferLoss()(a, b))
    0.5
    """

    def __init__(self, squared: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        check_bool("squared", squared)
        self.squared = squared

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return chamfer_loss(y_true, y_pred, self.squared)

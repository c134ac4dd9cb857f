"""Negative cosine between predictions of one view and projections of the other."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_rank, per_example, predictions
from mlkit.losses._views import cosine


@register
def sim_siam_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Negative cosine of one view's prediction and the other's projection.

    `-½ cos(p1, z2) - ½ cos(p2, z1)`, where no gradient goes to the projections z.

    Args:
        y_true: not used (Keras wants targets: anything with N entries).
        y_pred: p1, p2, z1, z2 of each example, stacked to the shape `(N, 4, width)`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`, in [-1, 1].

    Raises:
        ValueError: `y_pred` does not hold four vectors an example.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.sim_siam_loss([0], np.ones((1, 4, 3)))).round(4).tolist()
    [-1.0]

    Reference:
        Chen and He, 2021, https://arxiv.org/abs/2011.10566.
    """
    y_pred, dtype = predictions(y_pred)
    check_rank("y_pred", y_pred, 3, "p1, p2, z1, z2 of each example, of shape (N, 4, width)")
    if y_pred.shape[1] not in (None, 4):
        raise ValueError(
            "`y_pred` must hold p1, p2, z1, z2 of each example: keras.ops.stack([p1, p2, z1, z2], "
            f"axis=1). Received: y_pred of shape {tuple(y_pred.shape)}"
        )
    p1, p2 = y_pred[:, 0], y_pred[:, 1]
    z1, z2 = ops.stop_gradient(y_pred[:, 2]), ops.stop_gradient(y_pred[:, 3])
    return per_example(-0.5 * (cosine(p1, z2) + cosine(p2, z1)), y_pred, dtype)


@register
class SimSiamLoss(BaseLoss):
    """Negative cosine of one view's prediction and the other's projection.

    See `mlkit.losses.sim_siam_loss`. Examples are not compared with one another, so that replicas
    make no difference.

    Args:
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> round(float(mk.losses.SimSiamLoss()(np.zeros(1), np.ones((1, 4, 3)))), 4)
    -1.0
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sim_siam_loss(y_true, y_pred)

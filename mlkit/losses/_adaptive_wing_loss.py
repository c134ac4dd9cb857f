"""Loss of heatmaps that weighs small errors where the heat is."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like


@register
def adaptive_wing_loss(
    y_true: Tensor,
    y_pred: Tensor,
    omega: float = 14.0,
    theta: float = 0.5,
    epsilon: float = 1.0,
    alpha: float = 2.1,
) -> Tensor:
    """Loss of heatmaps that weighs small errors where the heat is.

    Averaged over the last axis. With `x = |y - p|` and `q = α - y`: `ω log(1 + (x / ε)^q)` for x <
    θ, and `A x - C` beyond, with A and C such that value and slope are continuous at θ. Near y = 1
    the exponent is about 1 and small errors count, near y = 0 it is about 2 and they do not.

    Args:
        y_true: heatmaps in [0, 1] of the shape of `y_pred`.
        y_pred: heatmaps of shape `(..., d)`.
        omega: ω > 0, the scale of the curved piece. Default: 14.
        theta: θ > 0, where the curved piece ends. Default: 0.5.
        epsilon: ε > 0, about 1. Default: 1.
        alpha: α > 2, so that the exponent stays above 1. Default: 2.1.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.adaptive_wing_loss(np.array([[1.0], [0.0]]), np.array([[0.9], [0.1]]))
    >>> np.array(loss).round(4).tolist()
    [1.0701, 0.1108]

    Reference:
        Wang et al., 2019, Adaptive wing loss, https://arxiv.org/abs/1904.07399.
    """
    y_pred, dtype = predictions(y_pred)
    y_true = targets_like(y_true, y_pred)
    size = ops.abs(y_true - y_pred)
    power = alpha - y_true
    near = size < theta
    inside = ops.where(ops.logical_and(near, size > 0), size, theta)  # 0 ** power has no slope
    curved = omega * ops.log1p(ops.power(inside / epsilon, power))
    border = ops.power(theta / epsilon, power)
    slope = omega * power * border / (theta * (1.0 + border))
    straight = slope * (size - theta) + omega * ops.log1p(border)
    values = ops.where(size > 0, ops.where(near, curved, straight), 0.0)
    return per_example(ops.mean(values, axis=-1), y_pred, dtype)


@register
class AdaptiveWingLoss(BaseLoss):
    """Loss of heatmaps that weighs small errors where the heat is.

    See `mlkit.losses.adaptive_wing_loss`.

    Args:
        omega: scale of the curved piece, > 0. Default: 14.
        theta: where the curved piece ends, > 0. Default: 0.5.
        epsilon: number > 0, about 1. Default: 1.
        alpha: number > 2. Default: 2.1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> round(float(mk.losses.AdaptiveWingLoss()(np.ones((1, 1)), np.array([[0.9]]))), 4)
    1.0701
    """

    def __init__(
        self,
        omega: float = 14.0,
        theta: float = 0.5,
        epsilon: float = 1.0,
        alpha: float = 2.1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_number("omega", omega, low=0.0, open_low=True)
        check_number("theta", theta, low=0.0, open_low=True)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        check_number("alpha", alpha, low=2.0, open_low=True)
        self.omega = omega
        self.theta = theta
        self.epsilon = epsilon
        self.alpha = alpha

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return adaptive_wing_loss(y_true, y_pred, self.omega, self.theta, self.epsilon, self.alpha)

"""Pinball loss that is smooth near zero."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._pinball_loss import check_quantiles, crossed, quantile_targets
from mlkit.losses._values import per_example, predictions


@register
def quantile_huber_loss(
    y_true: Tensor,
    y_pred: Tensor,
    tau: float | Sequence[float] = 0.5,
    delta: float = 1.0,
    crossing: float = 0.0,
) -> Tensor:
    """Quantile loss with a quadratic piece near zero, averaged over the last axis.

    `|tau - [u < 0]| H(u) / delta` with `u = y - q` and Huber's `H(u) = u² / 2` for `|u| ≤ delta`,
    `delta (|u| - delta / 2)` beyond. As delta goes to 0 it becomes `mlkit.losses.pinball_loss`.

    Args:
        y_true: labels of the shape of `y_pred`; for several quantiles that shape without its last
            axis, or with 1 there.
        y_pred: predicted quantiles.
        tau: quantile in [0, 1], or increasing quantiles. Default: 0.5.
        delta: where the quadratic piece ends, > 0, in the unit of y. Default: 1.
        crossing: price of crossed quantiles, ≥ 0. Default: 0.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> y, q = np.array([[1.0], [2.0]]), np.array([[0.0], [5.0]])
    >>> np.array(mk.losses.quantile_huber_loss(y, q, tau=0.9)).round(4).tolist()
    [0.45, 0.25]

    Reference:
        Dabney et al., 2018, Distributional reinforcement learning with quantile regression,
        https://arxiv.org/abs/1710.10044.
    """
    y_pred, dtype = predictions(y_pred)
    y_true, quantiles = quantile_targets(y_true, y_pred, tau)
    error = y_true - y_pred
    size = ops.abs(error)
    # The part beyond delta is linear; written by minimum, the gradient is not taken twice at delta.
    near = ops.minimum(size, delta)
    huber = near * near / (2.0 * delta) + (size - near)
    side = ops.where(error < 0, 1.0 - quantiles, quantiles)
    values = ops.mean(side * huber, axis=-1) + crossing * crossed(y_pred, tau)
    return per_example(values, y_pred, dtype)


@register
class QuantileHuberLoss(BaseLoss):
    """Quantile loss with a quadratic piece near zero, averaged over the last axis.

    See `mlkit.losses.quantile_huber_loss`.

    Args:
        tau: quantile in [0, 1], or increasing quantiles. Default: 0.5.
        delta: where the quadratic piece ends, > 0, in the unit of y. Default: 1.
        crossing: price of crossed quantiles, ≥ 0. Default: 0.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> y, q = np.array([[1.0], [2.0]]), np.array([[0.0], [5.0]])
    >>> round(float(mk.losses.QuantileHuberLoss(tau=0.9)(y, q)), 4)
    0.35
    """

    def __init__(
        self,
        tau: float | Sequence[float] = 0.5,
        delta: float = 1.0,
        crossing: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_quantiles("tau", tau)
        check_number("delta", delta, low=0.0, open_low=True)
        check_number("crossing", crossing, low=0.0)
        self.tau = tau
        self.delta = delta
        self.crossing = crossing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return quantile_huber_loss(y_true, y_pred, self.tau, self.delta, self.crossing)

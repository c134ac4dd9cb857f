"""Negative log-likelihood of a normal distribution."""

import math
from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._locations import floored, residuals
from mlkit.losses._values import per_example


@register
def gaussian_nll(
    y_true: Tensor,
    y_pred: Tensor,
    full: bool = False,
    from_log: bool = False,
    floor: float = 1e-6,
) -> Tensor:
    """Negative log-likelihood of a normal distribution.

    `½ (log v + (y - μ)² / v)`, plus `½ log 2π` with `full`: the model says how sure it is.

    Args:
        y_true: labels of shape `(..., d)`.
        y_pred: predictions of shape `(..., 2 d)`: the means μ, then the variances v.
        full: whether the constant is added, so that the value is the density's own. Default: False.
        from_log: whether the second half holds the logarithm of the variance. Default: False.
        floor: smallest variance > 0, in the unit of y squared. Below it the value is that of the
            floor, but the gradient is kept, so that the variance can grow again. Default: 1e-6.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`: the mean over the d labels.

    Raises:
        ValueError: the last axis of `y_pred` is not twice that of `y_true`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.gaussian_nll([[1.0]], np.array([[0.0, 2.0]]), full=True)
    >>> np.array(loss).round(4).tolist()
    [1.5155]

    Reference:
        Nix and Weigend, 1994, https://doi.org/10.1109/ICNN.1994.374138.
    """
    error, raw, y_pred, dtype = residuals(y_true, y_pred)
    variance = floored(ops.exp(raw) if from_log else raw, floor)
    values = 0.5 * (ops.log(variance) + error * error / variance)
    if full:
        values = values + 0.5 * math.log(2.0 * math.pi)
    return per_example(ops.mean(values, axis=-1), y_pred, dtype)


@register
class GaussianNLL(BaseLoss):
    """Negative log-likelihood of a normal distribution.

    See `mlkit.losses.gaussian_nll`.

    Args:
        full: whether the constant is added. Default: False.
        from_log: whether the second half holds the logarithm of the variance. Default: False.
        floor: smallest variance > 0. Default: 1e-6.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.GaussianNLL(full=True)
    >>> round(float(loss(np.array([[1.0]]), np.array([[0.0, 2.0]]))), 4)
    1.5155
    """

    def __init__(
        self,
        full: bool = False,
        from_log: bool = False,
        floor: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_bool("full", full)
        check_bool("from_log", from_log)
        check_number("floor", floor, low=0.0, open_low=True)
        self.full = full
        self.from_log = from_log
        self.floor = floor

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return gaussian_nll(y_true, y_pred, self.full, self.from_log, self.floor)

"""Negative log-likelihood of a Laplace distribution."""

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
def laplace_nll(
    y_true: Tensor,
    y_pred: Tensor,
    full: bool = False,
    from_log: bool = False,
    floor: float = 1e-6,
) -> Tensor:
    """Negative log-likelihood of a Laplace distribution.

    `log b + |y - μ| / b`, plus `log 2` with `full`: heavier tails than the normal distribution.

    Args:
        y_true: labels of shape `(..., d)`.
        y_pred: predictions of shape `(..., 2 d)`: the medians μ, then the scales b.
        full: whether the constant is added, so that the value is the density's own. Default: False.
        from_log: whether the second half holds the logarithm of the scale. Default: False.
        floor: smallest scale > 0, in the unit of y. Below it the value is that of the
            floor, but the gradient is kept, so that the scale can grow again. Default: 1e-6.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`: the mean over the d labels.

    Raises:
        ValueError: the last axis of `y_pred` is not twice that of `y_true`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.laplace_nll([[1.0]], np.array([[0.0, 2.0]]), full=True)
    >>> np.array(loss).round(4).tolist()
    [1.8863]

    Reference:
        Laplace, 1774, in Kotz et al., 2001, https://doi.org/10.1007/978-1-4612-0173-1.
    """
    error, raw, y_pred, dtype = residuals(y_true, y_pred)
    scale = floored(ops.exp(raw) if from_log else raw, floor)
    values = ops.log(scale) + ops.abs(error) / scale
    if full:
        values = values + math.log(2.0)
    return per_example(ops.mean(values, axis=-1), y_pred, dtype)


@register
class LaplaceNLL(BaseLoss):
    """Negative log-likelihood of a Laplace distribution.

    See `mlkit.losses.laplace_nll`.

    Args:
        full: whether the constant is added. Default: False.
        from_log: whether the second half holds the logarithm of the scale. Default: False.
        floor: smallest scale > 0. Default: 1e-6.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.LaplaceNLL(full=True)
    >>> round(float(loss(np.array([[1.0]]), np.array([[0.0, 2.0]]))), 4)
    1.8863
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
        return laplace_nll(y_true, y_pred, self.full, self.from_log, self.floor)

"""Negative log-likelihood of Student's t distribution."""

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
def student_t_nll(
    y_true: Tensor,
    y_pred: Tensor,
    df: float = 3.0,
    full: bool = False,
    from_log: bool = False,
    floor: float = 1e-6,
) -> Tensor:
    """Negative log-likelihood of Student's t distribution.

    `log s + ½ (ν + 1) log(1 + (y - μ)² / (ν s²))`, plus the constant `log(√(νπ) Γ(ν/2) / Γ((ν + 1)
    / 2))` with `full`: an outlier costs only the logarithm of its distance.

    Args:
        y_true: labels of shape `(..., d)`.
        y_pred: predictions of shape `(..., 2 d)`: the locations μ, then the scales s.
        df: degrees of freedom ν > 0; the fewer, the heavier the tails. Default: 3.
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
    >>> loss = mk.losses.student_t_nll([[1.0]], np.array([[0.0, 2.0]]), full=True)
    >>> np.array(loss).round(4).tolist()
    [1.8541]

    Reference:
        Lange et al., 1989, https://doi.org/10.1080/01621459.1989.10478852.
    """
    error, raw, y_pred, dtype = residuals(y_true, y_pred)
    scale = floored(ops.exp(raw) if from_log else raw, floor)
    ratio = error / scale
    values = ops.log(scale) + 0.5 * (df + 1.0) * ops.log1p(ratio * ratio / df)
    if full:
        gammas = math.lgamma(df / 2.0) - math.lgamma((df + 1.0) / 2.0)
        values = values + 0.5 * math.log(df * math.pi) + gammas
    return per_example(ops.mean(values, axis=-1), y_pred, dtype)


@register
class StudentTNLL(BaseLoss):
    """Negative log-likelihood of Student's t distribution.

    See `mlkit.losses.student_t_nll`.

    Args:
        df: degrees of freedom ν > 0; the fewer, the heavier the tails. Default: 3.
        full: whether the constant is added. Default: False.
        from_log: whether the second half holds the logarithm of the scale. Default: False.
        floor: smallest scale > 0. Default: 1e-6.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.StudentTNLL(full=True)
    >>> round(float(loss(np.array([[1.0]]), np.array([[0.0, 2.0]]))), 4)
    1.8541
    """

    def __init__(
        self,
        df: float = 3.0,
        full: bool = False,
        from_log: bool = False,
        floor: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_number("df", df, low=0.0, open_low=True)
        check_bool("full", full)
        check_bool("from_log", from_log)
        check_number("floor", floor, low=0.0, open_low=True)
        self.df = df
        self.full = full
        self.from_log = from_log
        self.floor = floor

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return student_t_nll(y_true, y_pred, self.df, self.full, self.from_log, self.floor)

"""Mean absolute error in units of the error of a naive forecast."""

from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._sample_mean import SampleMean, example_mean


def naive_scale(series: Any, seasonality: int = 1) -> float:
    """Mean absolute error of the naive forecast on a series: the unit of MASE.

    mean |y_t - y_(t - m)|, on the *training* part of the series, where m is the season.

    Args:
        series: array of shape `(time, ...)`.
        seasonality: m, in steps, at least 1: 12 for months with a yearly season. Default 1.

    Returns:
        A float.

    Raises:
        ValueError: a series that is not longer than the season, or that repeats exactly, so that
            the naive forecast is never wrong.

    Example:
        >>> import mlkit as mk
        >>> mk.metrics.naive_scale([1.0, 2.0, 4.0])
        1.5
    """
    check_integer("seasonality", seasonality, low=1)
    series = np.asarray(series, np.float64)
    if series.ndim == 0 or len(series) <= seasonality:
        raise ValueError(
            f"`series` must have more than seasonality={seasonality} steps. "
            f"Received: series.shape={series.shape}"
        )
    scale = float(np.abs(series[seasonality:] - series[:-seasonality]).mean())
    check_number("scale", scale, low=0.0, open_low=True)
    return scale


@register
class MeanAbsoluteScaledError(SampleMean):
    """Mean absolute error in units of the error of a naive forecast (MASE).

    mean |y - ŷ| / scale: below 1 the forecast is better than "as one season ago" was on the
    training data. Several outputs (steps ahead) of an example are averaged.

    Args:
        scale: error of the naive forecast, above 0, in the unit of the targets: see
            `mlkit.metrics.naive_scale`. Default 1.0: the plain mean absolute error.
        name: of the metric. Default `"mean_absolute_scaled_error"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: `scale` not above 0; shapes that differ, where a last axis of 1 may be left out
            but nothing else; outside XLA also NaN in the data. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.MeanAbsoluteScaledError(scale=mk.metrics.naive_scale([1, 2, 4]))
        >>> metric.update_state([5.0, 6.0], [6.5, 6.0])
        >>> float(metric.result())
        0.5

    Reference:
        Hyndman & Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001.
    """

    def __init__(self, *, scale: float = 1.0, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        check_number("scale", scale, low=0.0, open_low=True)
        self.scale = scale

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        y, x, weight = value_pairs(y_true, y_pred, sample_weight, max_rank=None)
        return example_mean(ops.abs(y - x) / float(self.scale)), weight

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": self.scale}

import numpy as np
import pytest

from mlkit.metrics import MeanAbsoluteScaledError, naive_scale
from mlkit.testing import MetricSpec


def mase(y_true, y_pred, sample_weight):
    error = np.abs(y_true.astype("float64") - y_pred).mean(-1)
    return np.average(error, weights=sample_weight) / 2.5


SPECS = [
    MetricSpec(
        MeanAbsoluteScaledError,
        kwargs={"scale": 2.5},
        y_true=lambda rng: rng.normal(size=(40, 3)).astype("float32"),
        y_pred=lambda rng: rng.normal(size=(40, 3)).astype("float32"),
        reference=mase,
    )
]


def test_the_naive_forecast_itself_has_one():
    series = np.random.default_rng(0).normal(size=200).cumsum()
    metric = MeanAbsoluteScaledError(scale=naive_scale(series, 4))
    metric.update_state(series[4:], series[:-4])
    np.testing.assert_allclose(metric.result(), 1.0, rtol=1e-6)


def test_a_series_that_gives_no_scale():
    with pytest.raises(ValueError, match="`series` must have more than seasonality=3 steps"):
        naive_scale([1.0, 2.0, 3.0], 3)
    with pytest.raises(ValueError, match="`scale` must be a number in"):
        naive_scale([1.0, 2.0, 1.0, 2.0], 2)

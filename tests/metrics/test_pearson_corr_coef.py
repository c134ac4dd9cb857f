import numpy as np
import pytest
from scipy.stats import pearsonr

from mlkit.metrics import PearsonCorrCoef
from mlkit.testing import MetricSpec


def raw_values(y_true, y_pred, sample_weight):
    w = np.ones(40) if sample_weight is None else np.ravel(sample_weight)
    y, x = y_true.astype("float64"), y_pred.astype("float64")
    my, mx = np.average(y, 0, w), np.average(x, 0, w)
    vy, vx = np.average((y - my) ** 2, 0, w), np.average((x - mx) ** 2, 0, w)
    cov = np.average((x - mx) * (y - my), 0, w)
    return {f"pearson_corr_coef_{i}": v for i, v in enumerate(cov / np.sqrt(vx * vy))}


def data(rng):
    return rng.normal(1, 2, (40, 3)).astype("float32")


SPECS = [
    MetricSpec(
        PearsonCorrCoef,
        kwargs={"multioutput": "raw_values", "num_outputs": 3},
        y_true=data,
        y_pred=data,
        reference=raw_values,
    )
]


def test_equals_scipy():
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=(100, 1)) + 1e4
    y_pred = y_true + rng.normal(size=(100, 1))
    metric = PearsonCorrCoef()
    for part in np.array_split(np.arange(100), 9):
        metric.update_state(y_true[part], y_pred[part, 0])
    want = pearsonr(y_true[:, 0], y_pred[:, 0]).statistic
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


@pytest.mark.parametrize("constant", [0.1, 1e4 + 0.1])
def test_a_constant_has_no_correlation(constant):
    metric = PearsonCorrCoef()
    metric.update_state(np.full(1000, constant), np.arange(1000.0))
    assert np.isnan(metric.result())

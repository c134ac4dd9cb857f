import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import roc_curve

from mlkit.metrics import EqualErrorRate
from mlkit.testing import MetricSpec


def rate(y_true, y_pred, sample_weight):
    fpr, tpr, _ = roc_curve(y_true, y_pred, sample_weight=sample_weight, drop_intermediate=False)
    return brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1)


def stepped(y_true, y_pred, sample_weight):
    """Exact on scores that were rounded down to twentieths below 1."""
    return rate(y_true, np.minimum(np.floor(y_pred.astype("float64") * 20), 19), sample_weight)


def labels(rng):
    return rng.integers(0, 2, 80)


def scores(rng):
    return np.round(rng.uniform(size=80), 2).astype("float32")


SPECS = [
    MetricSpec(
        EqualErrorRate,
        kwargs={"capacity": 170, "overflow": "latest"},
        y_true=labels,
        y_pred=scores,
        reference=rate,
        excuse={"kwargs_complete": "`thresholds` takes the place of the buffer: the other spec"},
        name="EqualErrorRate-exact",
    ),
    MetricSpec(
        EqualErrorRate,
        kwargs={"thresholds": 20, "capacity": 170, "overflow": "latest"},
        y_true=labels,
        y_pred=scores,
        reference=stepped,
        name="EqualErrorRate-steps",
    ),
]


@pytest.mark.parametrize("decimals", [1, 6])
def test_equals_scikit_learn(decimals):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 500)
    y_pred, weight = np.round(rng.normal(size=500) + y_true, decimals), rng.uniform(size=500)
    metric = EqualErrorRate(capacity=512)
    for part in np.array_split(np.arange(500), 7):
        metric.update_state(y_true[part], y_pred[part, None], weight[part])
    np.testing.assert_allclose(metric.result(), rate(y_true, y_pred, weight), rtol=1e-6)


def test_perfect_reversed_and_one_sided():
    for scores, want in (([0.1, 0.2, 0.8], 0.0), ([0.8, 0.7, 0.2], 1.0), ([0.5] * 3, 0.5)):
        metric = EqualErrorRate(capacity=8)
        metric.update_state([0, 0, 1], scores)
        assert float(metric.result()) == want
    metric = EqualErrorRate(capacity=8)
    metric.update_state([1, 1], [0.1, 0.2])
    assert np.isnan(metric.result())

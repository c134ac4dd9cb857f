import numpy as np
import pytest
from sklearn.metrics import roc_curve

from mlkit.metrics import TPRAtFPR
from mlkit.testing import MetricSpec


def rate(y_true, y_pred, sample_weight):
    fpr, tpr, _ = roc_curve(y_true, y_pred, sample_weight=sample_weight, drop_intermediate=False)
    return tpr[fpr <= 0.2].max()


def stepped(y_true, y_pred, sample_weight):
    """Exact on scores that were rounded down to twentieths below 1."""
    return rate(y_true, np.minimum(np.floor(y_pred.astype("float64") * 20), 19), sample_weight)


def labels(rng):
    return rng.integers(0, 2, 80)


def scores(rng):
    return np.round(rng.uniform(size=80), 2).astype("float32")


SPECS = [
    MetricSpec(
        TPRAtFPR,
        kwargs={"fpr": 0.2, "capacity": 170, "overflow": "latest"},
        y_true=labels,
        y_pred=scores,
        reference=rate,
        excuse={"kwargs_complete": "`thresholds` takes the place of the buffer: the other spec"},
        name="TPRAtFPR-exact",
    ),
    MetricSpec(
        TPRAtFPR,
        kwargs={"fpr": 0.2, "thresholds": 20, "capacity": 170, "overflow": "latest"},
        y_true=labels,
        y_pred=scores,
        reference=stepped,
        name="TPRAtFPR-steps",
    ),
]


@pytest.mark.parametrize("decimals", [1, 6])
def test_equals_scikit_learn(decimals):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 500)
    y_pred, weight = np.round(rng.normal(size=500) + y_true, decimals), rng.uniform(size=500)
    metric = TPRAtFPR(fpr=0.2, capacity=512)
    for part in np.array_split(np.arange(500), 7):
        metric.update_state(y_true[part], y_pred[part, None], weight[part])
    np.testing.assert_allclose(metric.result(), rate(y_true, y_pred, weight), rtol=1e-6)


def test_no_false_alarm_at_all():
    metric = TPRAtFPR(fpr=0.0, capacity=8)
    metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.6, 0.9])
    assert float(metric.result()) == 0.5
    metric.reset_state()
    metric.update_state([1, 1], [0.1, 0.2])
    assert np.isnan(metric.result())

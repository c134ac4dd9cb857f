import numpy as np
from scipy.special import expit

from mlkit.metrics import AdaptiveCalibrationError
from mlkit.testing import MetricSpec


def ace(y_true, y_pred, sample_weight):
    """Example by example: the bin is the share of weight strictly below."""
    prob = expit(y_pred.astype("float64"))[:, 0]
    weight = np.ones(len(prob)) if sample_weight is None else np.ravel(sample_weight)
    share = np.array([weight[prob < p].sum() / weight.sum() for p in prob])
    where = np.minimum(np.floor(share * 7 + 1e-9), 6)
    gaps = [np.abs(np.sum((weight * (y_true - prob))[where == i])) for i in range(7)]
    return np.sum(gaps) / weight.sum()


SPECS = [
    MetricSpec(
        AdaptiveCalibrationError,
        kwargs={"num_bins": 7, "from_logits": True, "capacity": 130, "overflow": "latest"},
        y_true=lambda rng: rng.integers(0, 2, 60),
        y_pred=lambda rng: rng.normal(size=(60, 1)).astype("float32"),
        reference=ace,
    )
]


def test_bins_hold_the_same_number():
    prob = np.sort(np.random.default_rng(0).uniform(0.5, 1, 90))
    metric = AdaptiveCalibrationError(num_bins=3, capacity=100)
    metric.update_state(np.zeros(90), prob)
    np.testing.assert_allclose(metric.result(), prob.mean(), rtol=1e-6)
    metric = AdaptiveCalibrationError(num_bins=3, capacity=100)
    hits = np.repeat([1, 0, 1], 30)
    metric.update_state(hits, prob)
    gaps = np.abs((hits - prob).reshape(3, 30).mean(-1))
    np.testing.assert_allclose(metric.result(), gaps.mean(), rtol=1e-6)


def test_the_order_of_ties_does_not_matter():
    rng = np.random.default_rng(0)
    y_true, prob = rng.integers(0, 2, 200), rng.integers(0, 6, 200) / 5
    values = []
    for order in (np.arange(200), rng.permutation(200)):
        metric = AdaptiveCalibrationError(num_bins=4, capacity=200)
        metric.update_state(y_true[order], prob[order])
        values.append(float(metric.result()))
    assert values[0] == values[1]

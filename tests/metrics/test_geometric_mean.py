import numpy as np
import pytest
from scipy.stats import gmean

from mlkit.metrics import GeometricMean
from mlkit.testing import MetricSpec


def mean(values, _, sample_weight):
    return gmean(values.astype("float64"), weights=sample_weight)


SPECS = [
    MetricSpec(
        GeometricMean,
        y_true=lambda rng: rng.uniform(0.1, 9, 40).astype("float32"),
        reference=mean,
    )
]


@pytest.mark.parametrize("weight", [None, 2.0, np.arange(30.0), np.arange(30.0)[:, None]])
def test_equals_scipy(weight):
    values = np.random.default_rng(0).uniform(1, 100, 30)
    metric = GeometricMean()
    metric.update_state(values, weight)
    weights = None if weight is None else np.broadcast_to(np.ravel(weight), 30)
    np.testing.assert_allclose(metric.result(), gmean(values, weights=weights), rtol=1e-6)


def test_zero_makes_it_zero_and_negatives_are_refused():
    metric = GeometricMean()
    metric.update_state([0.0, 5.0])
    assert float(metric.result()) == 0.0
    with pytest.raises(ValueError, match="`values` must be 0 or more"):
        metric.update_state([-1.0])
    metric.update_state([-1.0], [0.0])

import numpy as np
import pytest

from mlkit.metrics import IntervalCoverage
from mlkit.testing import MetricSpec


def coverage(y_true, y_pred, sample_weight):
    inside = (y_pred[:, 0] <= y_true) & (y_true <= y_pred[:, 1])
    return np.average(inside, weights=sample_weight)


SPECS = [
    MetricSpec(
        IntervalCoverage,
        y_true=lambda rng: rng.normal(size=60).astype("float32"),
        y_pred=lambda rng: np.sort(rng.normal(size=(60, 2)).astype("float32"), -1),
        reference=coverage,
    )
]


def test_the_ends_belong_to_the_interval():
    metric = IntervalCoverage()
    metric.update_state([[0.0], [1.0], [1.5]], [[0.0, 1.0]] * 3)
    np.testing.assert_allclose(metric.result(), 2 / 3, rtol=1e-6)


def test_crossed_ends_are_refused():
    with pytest.raises(ValueError, match="a lower end is above its upper one"):
        IntervalCoverage().update_state([0.0], [[1.0, 0.0]])


def test_one_column_is_refused():
    with pytest.raises(ValueError, match=r"`y_pred` must have shape \(N, 2\)"):
        IntervalCoverage().update_state([0.0, 1.0], [[1.0], [0.0]])

import numpy as np

from mlkit.metrics import IntervalWidth
from mlkit.testing import MetricSpec


def width(y_true, y_pred, sample_weight):
    return np.average(y_pred[:, 1].astype("float64") - y_pred[:, 0], weights=sample_weight)


SPECS = [
    MetricSpec(
        IntervalWidth,
        y_true=lambda rng: rng.normal(size=60).astype("float32"),
        y_pred=lambda rng: np.sort(rng.normal(size=(60, 2)).astype("float32"), -1),
        reference=width,
    )
]


def test_far_from_zero_it_keeps_its_digits():
    metric = IntervalWidth()
    metric.update_state([0.0], np.array([[1e4, 1e4 + 0.5]], "float32"))
    assert float(metric.result()) == 0.5

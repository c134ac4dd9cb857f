import numpy as np

from mlkit.metrics import SymmetricMeanAbsolutePercentageError
from mlkit.testing import MetricSpec


def smape(y_true, y_pred, sample_weight):
    y, x = y_true.astype("float64"), y_pred.astype("float64")
    share = np.mean(2 * np.abs(y - x) / (np.abs(y) + np.abs(x)), -1)
    return np.average(share, weights=sample_weight)


SPECS = [
    MetricSpec(
        SymmetricMeanAbsolutePercentageError,
        y_true=lambda rng: rng.normal(size=(40, 3)).astype("float32"),
        y_pred=lambda rng: rng.normal(size=(40, 3)).astype("float32"),
        reference=smape,
    )
]


def test_ends_of_the_range():
    for y_true, y_pred, want in ((0.0, 0.0, 0.0), (0.0, 1.0, 2.0), (-1.0, 1.0, 2.0)):
        metric = SymmetricMeanAbsolutePercentageError()
        metric.update_state([y_true], [y_pred])
        assert float(metric.result()) == want

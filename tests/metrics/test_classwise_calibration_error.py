import numpy as np
import pytest
from scipy.special import softmax

from mlkit.metrics import ClasswiseCalibrationError
from mlkit.testing import MetricSpec


def classwise(y_true, y_pred, sample_weight):
    prob = softmax(y_pred.astype("float64"), -1)
    weight = np.ones(len(prob)) if sample_weight is None else np.ravel(sample_weight)
    edges = np.linspace(0, 1, 8)
    total = 0.0
    for c in range(3):
        where = np.digitize(prob[:, c], edges[1:-1], right=True)
        for i in range(7):
            gap = np.sum((weight * ((y_true == c) - prob[:, c]))[where == i])
            total += np.abs(gap) / weight.sum() / 3
    return total


SPECS = [
    MetricSpec(
        ClasswiseCalibrationError,
        kwargs={"num_classes": 3, "num_bins": 7, "from_logits": True},
        y_true=lambda rng: rng.integers(0, 3, 200),
        y_pred=lambda rng: rng.normal(size=(200, 3)).astype("float32"),
        reference=classwise,
    )
]


def test_another_number_of_classes_is_refused():
    with pytest.raises(ValueError, match=r"`y_pred` must have shape \(N, 3\)"):
        ClasswiseCalibrationError(3).update_state([0, 1], [[0.5, 0.5], [0.5, 0.5]])


def test_a_curve_for_each_class():
    pytest.importorskip("matplotlib").use("Agg")
    metric = ClasswiseCalibrationError(2, num_bins=3)
    metric.update_state([0, 1], [[0.9, 0.1], [0.5, 0.5]])
    assert metric.reliability["accuracy"].shape == (2, 3)
    assert len(metric.plot().lines) == 1 + 2

import numpy as np
from scipy.stats import gmean
from sklearn.metrics import recall_score

from mlkit.metrics import GeometricMeanScore
from mlkit.testing import MetricSpec


def corrected(y_true, y_pred, sample_weight):
    keep = y_true != 3
    weight = None if sample_weight is None else np.ravel(sample_weight)[keep]
    recalls = recall_score(
        y_true[keep], y_pred.argmax(-1)[keep], labels=range(3), average=None, sample_weight=weight
    )
    return gmean(np.where(recalls == 0, 0.01, recalls))


SPECS = [
    MetricSpec(
        GeometricMeanScore,
        kwargs={"num_classes": 4, "correction": 0.01, "threshold": 0.3, "ignore_class": 3},
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=corrected,
    )
]


def test_a_class_that_is_never_found_makes_it_zero():
    metric = GeometricMeanScore(3)
    metric.update_state([0, 1, 2], [0, 1, 1])
    assert float(metric.result()) == 0.0
    metric = GeometricMeanScore(3, correction=0.001)
    metric.update_state([0, 1, 2], [0, 1, 1])
    np.testing.assert_allclose(metric.result(), 0.1, rtol=1e-6)


def test_classes_without_an_example_are_left_out():
    metric = GeometricMeanScore(4)
    metric.update_state([0, 0, 1, 1], [0, 3, 1, 1])
    np.testing.assert_allclose(metric.result(), 0.5**0.5, rtol=1e-6)

import numpy as np
from sklearn.metrics import balanced_accuracy_score, recall_score

from mlkit.metrics import BalancedAccuracy
from mlkit.testing import MetricSpec


def adjusted(y_true, y_pred, sample_weight):
    keep = y_true != 3
    weight = None if sample_weight is None else np.ravel(sample_weight)[keep]
    recalls = recall_score(
        y_true[keep], y_pred.argmax(-1)[keep], labels=range(3), average=None, sample_weight=weight
    )
    return (recalls.mean() - 1 / 3) / (1 - 1 / 3)


def binary(y_true, y_pred, sample_weight):
    return balanced_accuracy_score(
        y_true, y_pred[:, 0] > 0.3, sample_weight=sample_weight, adjusted=True
    )


SPECS = [
    MetricSpec(
        BalancedAccuracy,
        kwargs={"num_classes": 4, "adjusted": True, "threshold": 0.3, "ignore_class": 3},
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=adjusted,
        name="BalancedAccuracy-classes",
    ),
    MetricSpec(
        BalancedAccuracy,
        kwargs={"num_classes": 2, "adjusted": True, "threshold": 0.3, "ignore_class": -1},
        y_true=lambda rng: rng.integers(0, 2, 60),
        y_pred=lambda rng: rng.uniform(size=(60, 1)).astype("float32"),
        reference=binary,
        name="BalancedAccuracy-binary",
    ),
]


def test_classes_without_an_example_are_left_out():
    metric = BalancedAccuracy(5)
    metric.update_state([0, 0, 2], [0, 1, 2])
    assert float(metric.result()) == 0.75


def test_always_the_frequent_class_is_chance():
    y_true = np.array([0] * 98 + [1, 2])
    metric = BalancedAccuracy(3)
    metric.update_state(y_true, np.zeros(100, int))
    np.testing.assert_allclose(metric.result(), 1 / 3, rtol=1e-6)

from sklearn.metrics import accuracy_score

from mlkit.metrics import ExactMatch
from mlkit.testing import MetricSpec


def subset_accuracy(y_true, y_pred, sample_weight):
    return accuracy_score(y_true, y_pred > 0.3, sample_weight=sample_weight)


SPECS = [
    MetricSpec(
        ExactMatch,
        kwargs={"threshold": 0.3},
        y_true=lambda rng: rng.integers(0, 2, (80, 3)),
        y_pred=lambda rng: rng.uniform(size=(80, 3)).astype("float32"),
        reference=subset_accuracy,
    )
]


def test_one_wrong_label_makes_the_example_wrong():
    metric = ExactMatch()
    metric.update_state([[1, 0, 1, 0]], [[0.9, 0.1, 0.9, 0.6]])
    assert float(metric.result()) == 0.0

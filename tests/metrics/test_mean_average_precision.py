import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mlkit.metrics import MeanAveragePrecision
from mlkit.testing import MetricSpec


def weighted(y_true, y_pred, sample_weight):
    return average_precision_score(y_true, y_pred, average="weighted", sample_weight=sample_weight)


def stepped(y_true, y_pred, sample_weight):
    """Exact on scores that were rounded down to twentieths below 1."""
    steps = np.minimum(np.floor(y_pred.astype("float64") * 20), 19)
    values = average_precision_score(y_true, steps, average=None, sample_weight=sample_weight)
    return {f"mean_average_precision_{i}": v for i, v in enumerate(values)}


def labels(rng):
    return rng.integers(0, 2, (80, 3))


def scores(rng):
    return np.round(rng.uniform(size=(80, 3)), 2).astype("float32")


SPECS = [
    MetricSpec(
        MeanAveragePrecision,
        kwargs={
            "num_classes": 3,
            "average": "weighted",
            "capacity": 170,
            "overflow": "latest",
        },
        y_true=labels,
        y_pred=scores,
        reference=weighted,
        excuse={"kwargs_complete": "`thresholds` takes the place of the buffer: the other spec"},
        name="MeanAveragePrecision-exact",
    ),
    MetricSpec(
        MeanAveragePrecision,
        kwargs={
            "num_classes": 3,
            "average": None,
            "thresholds": 20,
            "capacity": 170,
            "overflow": "latest",
        },
        y_true=labels,
        y_pred=scores,
        reference=stepped,
        name="MeanAveragePrecision-steps",
    ),
]


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("decimals", [1, 6])
def test_equals_scikit_learn(average, decimals):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (200, 4))
    y_pred, weight = np.round(rng.normal(size=(200, 4)) + y_true, decimals), rng.uniform(size=200)
    metric = MeanAveragePrecision(4, average=average, capacity=256)
    for part in np.array_split(np.arange(200), 7):
        metric.update_state(y_true[part], y_pred[part], weight[part])
    want = average_precision_score(y_true, y_pred, average=average, sample_weight=weight)
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


def test_a_label_without_a_positive_example_is_left_out():
    metric = MeanAveragePrecision(2, capacity=8)
    metric.update_state([[1, 0], [0, 0]], [[0.9, 0.3], [0.1, 0.2]])
    assert float(metric.result()) == 1.0


def test_steps_come_close_to_the_exact_value():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (5000, 2))
    y_pred = np.clip(rng.normal(0.3, 0.2, (5000, 2)) + 0.3 * y_true, 0, 1)
    metric = MeanAveragePrecision(2, thresholds=1000)
    metric.update_state(y_true, y_pred)
    np.testing.assert_allclose(metric.result(), average_precision_score(y_true, y_pred), atol=2e-3)
    with pytest.raises(ValueError, match="`y_pred` must be probabilities in"):
        metric.update_state([[0, 1]], [[-3.0, 3.0]])

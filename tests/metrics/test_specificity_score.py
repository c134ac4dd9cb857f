import numpy as np
import pytest
from sklearn.metrics import recall_score

from mlkit.metrics import SpecificityScore
from mlkit.testing import MetricSpec


def specificity(y_true, y_pred, sample_weight, classes=4):
    """The recall of "not this class", one class at a time."""
    return np.array(
        [
            recall_score(
                y_true != c, y_pred != c, sample_weight=sample_weight, zero_division=np.nan
            )
            for c in range(classes)
        ]
    )


def top_two(y_true, y_pred, sample_weight):
    keep, sets = y_true != 3, np.zeros((60, 4))
    np.put_along_axis(sets, np.argsort(-y_pred, -1)[:, :2], 1, -1)
    weight = (np.ones(60) if sample_weight is None else np.ravel(sample_weight))[keep]
    true, sets = np.eye(4)[y_true[keep]], sets[keep]
    values = [recall_score(1 - true[:, c], 1 - sets[:, c], sample_weight=weight) for c in range(4)]
    return np.average(values, weights=(true * weight[:, None]).sum(0))


def each_label(y_true, y_pred, sample_weight):
    values = [
        recall_score(1 - y_true[:, i], y_pred[:, i] <= 0.3, sample_weight=sample_weight)
        for i in range(4)
    ]
    return {f"specificity_score_{i}": value for i, value in enumerate(values)}


EXCUSES = (
    {"kwargs_complete": "`threshold` excludes `top_k` and `ignore_class`: see the other spec"},
    {"kwargs_complete": "`top_k` and `ignore_class` exclude `threshold`: see the other spec"},
)
SPECS = [
    MetricSpec(
        SpecificityScore,
        kwargs={
            "num_classes": 4,
            "average": "weighted",
            "top_k": 2,
            "ignore_class": 3,
            "zero_division": "nan",
        },
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=top_two,
        excuse=EXCUSES[0],
        name="SpecificityScore-classes",
    ),
    MetricSpec(
        SpecificityScore,
        kwargs={"num_classes": 4, "average": None, "threshold": 0.3, "zero_division": 1.0},
        y_true=lambda rng: rng.integers(0, 2, (60, 4)),
        y_pred=lambda rng: rng.uniform(size=(60, 4)).astype("float32"),
        reference=each_label,
        excuse=EXCUSES[1],
        name="SpecificityScore-labels",
    ),
]


def test_a_class_that_is_everything_has_none():
    metric = SpecificityScore(2, average=None, zero_division="nan")
    metric.update_state([1, 1], [1, 0])
    assert {k: float(v) for k, v in metric.result().items() if not np.isnan(v)} == {
        "specificity_score_0": 0.5
    }


@pytest.mark.parametrize("average", ["micro", "weighted"])
def test_averages(average):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    metric = SpecificityScore(4, average=average)
    metric.update_state(y_true, y_pred)
    counts = np.bincount(y_true, minlength=4)
    share = counts if average == "weighted" else 100 - counts
    want = np.average(specificity(y_true, y_pred, None), weights=share)
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)

import numpy as np
import pytest
from sklearn.metrics import precision_score

from mlkit.metrics import PrecisionScore
from mlkit.testing import MetricSpec


def labels(rng):
    return rng.integers(0, 4, 60)


def scores(rng):
    return rng.normal(size=(60, 4)).astype("float32")


def top_two(y_true, y_pred, sample_weight):
    keep, sets = y_true != 3, np.zeros((60, 4))
    np.put_along_axis(sets, np.argsort(-y_pred, -1)[:, :2], 1, -1)
    weight = None if sample_weight is None else np.ravel(sample_weight)[keep]
    return precision_score(
        np.eye(4)[y_true[keep]],
        sets[keep],
        average="weighted",
        zero_division=np.nan,
        sample_weight=weight,
    )


def each_label(y_true, y_pred, sample_weight):
    values = precision_score(
        y_true, y_pred > 0.3, average=None, zero_division=1.0, sample_weight=sample_weight
    )
    return {f"precision_score_{i}": value for i, value in enumerate(values)}


EXCUSES = (
    {"kwargs_complete": "`threshold` excludes `top_k` and `ignore_class`: see the other spec"},
    {"kwargs_complete": "`top_k` and `ignore_class` exclude `threshold`: see the other spec"},
)
SPECS = [
    MetricSpec(
        PrecisionScore,
        kwargs={
            "num_classes": 4,
            "average": "weighted",
            "ignore_class": 3,
            "top_k": 2,
            "zero_division": "nan",
        },
        y_true=labels,
        y_pred=scores,
        reference=top_two,
        excuse=EXCUSES[0],
        name="PrecisionScore-classes",
    ),
    MetricSpec(
        PrecisionScore,
        kwargs={"num_classes": 4, "average": None, "threshold": 0.3, "zero_division": 1.0},
        y_true=lambda rng: rng.integers(0, 2, (60, 4)),
        y_pred=lambda rng: rng.uniform(size=(60, 4)).astype("float32"),
        reference=each_label,
        excuse=EXCUSES[1],
        name="PrecisionScore-labels",
    ),
]


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("zero_division", [0.0, 1.0, "nan"])
def test_absent_classes_as_scikit_learn_counts_them(average, zero_division):
    # Class 3 is never true, class 4 never predicted, class 5 neither.
    y_true = np.array([0, 1, 2, 2, 4, 0, 1])
    y_pred = np.array([0, 1, 1, 2, 3, 3, 1])
    metric = PrecisionScore(6, average=average, zero_division=zero_division)
    metric.update_state(y_true, y_pred)
    want = precision_score(
        y_true, y_pred, labels=range(6), average=average, zero_division=float(zero_division)
    )
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)

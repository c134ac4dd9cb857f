import numpy as np
import pytest

from mlkit.metrics import JaccardIndex
from mlkit.testing import MetricSpec


def per_class(true, pred, weight):
    """One value a label from rows of 0 and 1, in plain numpy; NaN where there is nothing."""
    weight = np.ones(len(true)) if weight is None else np.ravel(weight)
    h, p, t = ((x * weight[:, None]).sum(0) for x in (true * pred, pred, true))
    with np.errstate(invalid="ignore"):
        return h / (p + t - h)


def top_two(y_true, y_pred, sample_weight):
    keep, sets, eye = y_true != 3, np.zeros((60, 4)), np.eye(4)
    np.put_along_axis(sets, np.argsort(-y_pred, -1)[:, :2], 1, -1)
    weight = np.ones(60) if sample_weight is None else np.ravel(sample_weight)
    true, weight = eye[y_true[keep]], weight[keep]
    values = np.nan_to_num(per_class(true, sets[keep], weight), nan=1.0)
    return np.average(values, weights=(true * weight[:, None]).sum(0))


def each_label(y_true, y_pred, sample_weight):
    values = np.nan_to_num(per_class(y_true, y_pred > 0.3, sample_weight), nan=1.0)
    return {f"jaccard_index_{i}": value for i, value in enumerate(values)}


EXCUSES = (
    {"kwargs_complete": "`threshold` excludes `top_k` and `ignore_class`: see the other spec"},
    {"kwargs_complete": "`top_k` and `ignore_class` exclude `threshold`: see the other spec"},
)
SPECS = [
    MetricSpec(
        JaccardIndex,
        kwargs={
            "num_classes": 4,
            "average": "weighted",
            "top_k": 2,
            "ignore_class": 3,
            "zero_division": 1.0,
        },
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=top_two,
        excuse=EXCUSES[0],
        name="JaccardIndex-classes",
    ),
    MetricSpec(
        JaccardIndex,
        kwargs={"num_classes": 4, "average": None, "threshold": 0.3, "zero_division": 1.0},
        y_true=lambda rng: rng.integers(0, 2, (60, 4)),
        y_pred=lambda rng: rng.uniform(size=(60, 4)).astype("float32"),
        reference=each_label,
        excuse=EXCUSES[1],
        name="JaccardIndex-labels",
    ),
]


def test_images_with_a_void_label():
    rng = np.random.default_rng(1)
    y_true = rng.choice([0, 1, 2, 255], (5, 8, 8))
    y_pred = rng.normal(size=(5, 8, 8, 4)).astype("float32")
    metric = JaccardIndex(4, ignore_class=255)
    for i in range(5):
        metric.update_state(y_true[i : i + 1], y_pred[i : i + 1])
    keep, eye = y_true != 255, np.eye(4)
    want = np.nanmean(per_class(eye[y_true[keep]], eye[y_pred.argmax(-1)[keep]], None))
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


@pytest.mark.parametrize(("zero_division", "want"), [("nan", 1.0), (0.0, 2 / 3), (1.0, 1.0)])
def test_a_class_that_does_not_occur(zero_division, want):
    metric = JaccardIndex(3, zero_division=zero_division)
    metric.update_state([0, 1], [0, 1])
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)

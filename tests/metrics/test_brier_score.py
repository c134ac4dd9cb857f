import numpy as np
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss

from mlkit.metrics import BrierScore
from mlkit.testing import MetricSpec


def classes(y_true, y_pred, sample_weight):
    squares = ((softmax(y_pred.astype("float64"), -1) - np.eye(4)[y_true]) ** 2).sum(-1)
    return np.average(squares, weights=sample_weight)


def single(y_true, y_pred, sample_weight):
    prob = expit(y_pred[:, 0].astype("float64"))
    return brier_score_loss(y_true, prob, sample_weight=sample_weight)


SPECS = [
    MetricSpec(
        BrierScore,
        kwargs={"from_logits": True},
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=classes,
        name="BrierScore-classes",
    ),
    MetricSpec(
        BrierScore,
        kwargs={"from_logits": True},
        y_true=lambda rng: rng.integers(0, 2, 60),
        y_pred=lambda rng: rng.normal(size=(60, 1)).astype("float32"),
        reference=single,
        name="BrierScore-single",
    ),
]


def test_one_hot_rows_are_integers():
    rng = np.random.default_rng(0)
    y_true, prob = rng.integers(0, 3, 30), rng.dirichlet(np.ones(3), 30)
    values = []
    for labels in (y_true, y_true[:, None], np.eye(3)[y_true]):
        metric = BrierScore()
        metric.update_state(labels, prob)
        values.append(float(metric.result()))
    np.testing.assert_allclose(values, np.mean(((prob - np.eye(3)[y_true]) ** 2).sum(-1)), 1e-6)

"""Losses over ordered classes, beside numpy, scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from scipy.stats import wasserstein_distance
from sklearn.metrics import cohen_kappa_score

from mlkit import losses
from mlkit.testing import LossSpec

C, N = 4, 7


def labels(rng):
    return rng.integers(0, C, N)


def chances(rng):
    return softmax(rng.normal(size=(N, C)), -1).astype("float32")


def kappa(y, p, power, epsilon):
    """By expected and found confusion, pair by pair."""
    p = np.asarray(p, np.float64)
    found = sum(abs(a - b) ** power * p[i, b] for i, a in enumerate(y) for b in range(C))
    chance = sum(abs(a - b) ** power * q[b] for a in y for q in p for b in range(C)) / len(y)
    return np.full(len(y), np.log(found / chance + epsilon))


def coral(y, z):
    p = expit(np.asarray(z, np.float64))
    above = np.asarray(y)[:, None] > np.arange(z.shape[-1])
    return -np.where(above, np.log(p), np.log1p(-p)).sum(-1)


SPECS = [
    LossSpec(
        losses.WeightedKappaLoss,
        kwargs={"num_classes": C, "weightage": "linear", "epsilon": 1e-3},
        function=losses.weighted_kappa_loss,
        reference=lambda y, p: kappa(y, p, 1, 1e-3),
        y_true=labels,
        y_pred=chances,
        batchwise=True,
    ),
    LossSpec(
        losses.CoralLoss,
        function=losses.coral_loss,
        reference=coral,
        y_true=labels,
        y_pred=lambda rng: rng.normal(size=(N, C - 1)),
        properties=("nonnegative",),
    ),
    LossSpec(
        losses.EarthMoversDistanceLoss,
        kwargs={"power": 1.5, "from_logits": True},
        function=losses.earth_movers_distance_loss,
        reference=lambda y, z: (
            np.abs(np.cumsum(softmax(z.astype("float64"), -1) - np.eye(C)[y], -1)) ** 1.5
        ).sum(-1),
        y_true=labels,
        y_pred=lambda rng: rng.normal(size=(N, C)),
        properties=("nonnegative",),
    ),
]


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_kappa_of_certain_predictions_is_that_of_scikit_learn(weights):
    rng = np.random.default_rng(0)
    y, guess = rng.integers(0, C, 50), rng.integers(0, C, 50)
    found = losses.weighted_kappa_loss(y, np.eye(C)[guess], C, weights, epsilon=1e-12)
    wanted = 1 - cohen_kappa_score(y, guess, weights=weights)
    np.testing.assert_allclose(np.exp(found), wanted, rtol=1e-6)
    dense = losses.weighted_kappa_loss(np.eye(C)[y], np.eye(C)[guess], C, weights, epsilon=1e-12)
    np.testing.assert_allclose(dense, found)


def test_kappa_of_one_class_only():
    found = losses.weighted_kappa_loss([1, 1], np.eye(C)[[1, 1]], C)
    np.testing.assert_allclose(found, np.log([1e-6, 1e-6]))


def test_power_one_is_the_wasserstein_distance():
    rng = np.random.default_rng(1)
    y, p = softmax(rng.normal(size=(N, C)), -1), softmax(rng.normal(size=(N, C)), -1)
    found = losses.earth_movers_distance_loss(y, p, power=1.0)
    wanted = [wasserstein_distance(range(C), range(C), a, b) for a, b in zip(y, p, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(
        losses.earth_movers_distance_loss(y, p), (np.cumsum(y - p, -1) ** 2).sum(-1), rtol=1e-6
    )


def test_coral_names_the_classes_that_there_are():
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        losses.coral_loss([3], np.zeros((1, 2)))

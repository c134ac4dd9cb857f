"""The sequence loss with all its flags, beside a loop in numpy."""

import itertools

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from mlkit import losses
from mlkit.testing import LossSpec

B, T, C = 4, 5, 3


def data(seed=0):
    rng = np.random.default_rng(seed)
    weights = (np.arange(T) < rng.integers(0, T + 1, (B, 1))) * rng.uniform(0.5, 2, (B, T))
    logits = rng.normal(size=(B, T, C)).astype("float32")
    return logits, rng.integers(0, C, (B, T)), weights.astype("float32")


def formula(logits, targets, weights, mean_time, mean_batch, sum_time, sum_batch):
    w = weights.astype("float64")
    cost = -np.take_along_axis(log_softmax(logits.astype("float64"), -1), targets[..., None], -1)
    cost = cost[..., 0] * w
    axes = tuple(a for a, on in ((0, mean_batch or sum_batch), (1, mean_time or sum_time)) if on)
    if not axes:
        return cost
    count = (w != 0).sum(axes) if sum_time or sum_batch else w.sum(axes)
    return cost.sum(axes) / np.where(count == 0, 1, count)


LEGAL = [
    f
    for f in itertools.product([False, True], repeat=4)
    if not (f[0] and f[2]) and not (f[1] and f[3]) and not (f[0] and f[3]) and not (f[1] and f[2])
]


@keras.saving.register_keras_serializable("tests")
def brier(labels, logits):
    chances = keras.ops.softmax(logits)
    return keras.ops.sum((chances - keras.ops.one_hot(labels, C, dtype=chances.dtype)) ** 2, -1)


def brier_mean(y, z):
    p = np.exp(log_softmax(z.astype("float64"), -1))
    return ((p - np.eye(C)[y]) ** 2).sum(-1).mean(-1)


WEIGHED = "weights are part of the mean: an example of weight 0 is not counted in the divisor"
SPECS = [
    LossSpec(
        losses.SequenceLoss,
        kwargs={
            "average_across_timesteps": True,
            "average_across_batch": True,
            "sum_over_timesteps": False,
            "sum_over_batch": False,
        },
        reference=lambda y, z: formula(z, y, np.ones((B, T)), True, False, False, False),
        y_true=lambda rng: rng.integers(0, C, (B, T)),
        y_pred=lambda rng: rng.normal(size=(B, T, C)),
        excuse={
            "reductions": WEIGHED,
            "zero_weight": WEIGHED,
            "kwargs_complete": "a function of one's own is saved in a test here",
        },
        properties=("nonnegative",),
    )
]


@pytest.mark.parametrize("flags", LEGAL)
def test_every_combination(flags):
    logits, targets, weights = data()
    found = losses.sequence_loss(logits, targets, weights, *flags)
    wanted = formula(logits, targets, weights, *flags)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)
    both = (flags[0] or flags[2]) and (flags[1] or flags[3])
    loss = losses.SequenceLoss(*flags, reduction="sum_over_batch_size")
    np.testing.assert_allclose(loss(targets, logits, weights), wanted.mean(), rtol=1e-5)
    if not both:
        values = losses.SequenceLoss(*flags, reduction=None)(targets, logits, weights)
        np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-7)


def test_a_cost_of_ones_own_is_used_and_saved():
    logits, targets, _ = data(2)
    loss = losses.SequenceLoss(softmax_loss_function=brier)
    wanted = brier_mean(targets, logits).mean()
    np.testing.assert_allclose(loss(targets, logits), wanted, rtol=1e-6)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    np.testing.assert_allclose(again(targets, logits), wanted, rtol=1e-6)


def test_a_mask_is_a_weight_and_padding_only_is_zero():
    logits, targets, weights = data(1)
    mask = weights > 0
    marked = np.where(mask[..., None], logits, np.float32(-7))
    masked = keras.layers.Masking(-7.0)(marked)
    found = losses.SequenceLoss()(targets, masked)
    wanted = formula(logits, targets, mask, False, False, True, True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert float(losses.SequenceLoss()(targets, logits, np.zeros((B, T)))) == 0
    wrong = np.where(mask, targets, 99)
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        losses.SequenceLoss()(wrong, logits, weights)


@pytest.mark.parametrize("flags", [f for f in itertools.product([False, True], repeat=4)])
def test_contradictions_are_refused(flags):
    if flags in LEGAL:
        losses.SequenceLoss(*flags)
        return
    with pytest.raises(ValueError, match=r"choose one|no defined mean"):
        losses.SequenceLoss(*flags)

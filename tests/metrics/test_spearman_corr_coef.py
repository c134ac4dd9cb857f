import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import spearmanr

from mlkit.metrics import SpearmanCorrCoef
from mlkit.testing import MetricSpec


def repeated(y_true, y_pred, sample_weight):
    """Weights in twentieths, as so many copies."""
    y, x = np.ravel(y_true), np.ravel(y_pred)
    if sample_weight is not None:
        times = np.rint(20 * np.ravel(sample_weight)).astype(int)
        if not np.allclose(times, 20 * np.ravel(sample_weight)):
            return by_pairs(y, x, np.ravel(sample_weight))
        y, x = np.repeat(y, times), np.repeat(x, times)
    return spearmanr(y, x).statistic


def by_pairs(y, x, weight):
    """Ranks from all pairs, then the weighted correlation."""

    def ranks(v):
        return ((v < v[:, None]) + 0.5 * (v == v[:, None])) @ weight

    a, b = ranks(y), ranks(x)
    a, b = a - np.average(a, weights=weight), b - np.average(b, weights=weight)
    return (weight @ (a * b)) / np.sqrt((weight @ a**2) * (weight @ b**2))


SPECS = [
    MetricSpec(
        SpearmanCorrCoef,
        kwargs={"capacity": 130, "overflow": "latest"},
        y_true=lambda rng: rng.integers(0, 20, 60).astype("float32"),
        y_pred=lambda rng: rng.integers(0, 30, 60).astype("float32"),
        reference=repeated,
    )
]


@pytest.mark.parametrize("kinds", [2, 7, 10_000])
def test_ties(kinds):
    rng = np.random.default_rng(kinds)
    y, x = rng.integers(0, kinds, (2, 300))
    metric = SpearmanCorrCoef(capacity=512)
    for part in np.array_split(np.arange(300), 7):
        metric.update_state(y[part], x[part])
    np.testing.assert_allclose(metric.result(), spearmanr(y, x).statistic, rtol=1e-6, atol=1e-7)


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 9, (2, 50))
    times = rng.integers(0, 4, 50)
    metric = SpearmanCorrCoef(capacity=64)
    metric.update_state(y, x, times)
    want = spearmanr(np.repeat(y, times), np.repeat(x, times)).statistic
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


def test_beyond_the_room():
    y, x = np.random.default_rng(0).normal(size=(2, 30))
    metric = SpearmanCorrCoef(capacity=20)
    metric.update_state(y[:15], x[:15])
    with pytest.raises(ValueError, match="has room for capacity=20 examples"):
        metric.update_state(y[15:], x[15:])
    metric = SpearmanCorrCoef(capacity=20, overflow="latest")
    for i in range(0, 30, 5):
        metric.update_state(y[i : i + 5], x[i : i + 5])
    want = spearmanr(y[10:], x[10:]).statistic
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


def test_beyond_the_room_in_xla_is_nan():
    metric = SpearmanCorrCoef(capacity=20)
    step = tf.function(metric.update_state, jit_compile=True)
    for _ in range(2):
        step(tf.range(15.0), tf.range(15.0))
    assert np.isnan(metric.result())


def test_a_constant_has_none():
    metric = SpearmanCorrCoef(capacity=20)
    metric.update_state(np.ones(9), np.arange(9.0))
    assert np.isnan(metric.result())


def test_several_outputs_are_refused():
    with pytest.raises(ValueError, match="one metric an output"):
        SpearmanCorrCoef(capacity=20).update_state(np.ones((5, 2)), np.ones((5, 2)))

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


def test_without_training_the_slope_is_the_mean():
    x = np.random.default_rng(0).normal(size=50)
    expected = np.where(x >= 0, x, x * 0.3)
    np.testing.assert_allclose(mk.activations.rrelu(x, 0.2, 0.4), expected, rtol=1e-12)


def test_slopes_in_training_are_uniform_and_are_the_gradient():
    x = tf.constant(np.random.default_rng(0).normal(size=20000))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = mk.activations.rrelu(x, 0.2, 0.4, training=True, seed=1)
    slope = np.asarray(tape.gradient(y, x))
    np.testing.assert_allclose(y, slope * x, rtol=1e-12)
    negative = slope[np.asarray(x) < 0]
    assert (slope[np.asarray(x) >= 0] == 1).all()
    np.testing.assert_allclose(
        np.quantile(negative, [0, 0.25, 0.5, 0.75, 1]), [0.2, 0.25, 0.3, 0.35, 0.4], atol=3e-3
    )
    np.testing.assert_array_equal(y, mk.activations.rrelu(x, 0.2, 0.4, training=True, seed=1))


def test_impossible():
    with pytest.raises(ValueError, match="`lower`"):
        mk.activations.rrelu(1.0, 0.5, 0.4)

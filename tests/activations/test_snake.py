import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


@pytest.mark.parametrize("a", [0.3, 1.0, 5.0])
def test_value(a):
    x = np.random.default_rng(0).normal(size=50) * 3
    expected = x + (1 - np.cos(2 * a * x)) / (2 * a)
    np.testing.assert_allclose(mk.activations.snake(x, a), expected, rtol=1e-10)


def test_gradient_and_monotony():
    x = tf.constant(np.linspace(-5, 5, 101))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = mk.activations.snake(x, 2.0)
    slope = np.asarray(tape.gradient(y, x))
    np.testing.assert_allclose(slope, 1 + np.sin(4 * np.asarray(x)), atol=1e-10)
    assert (np.diff(y) >= 0).all()


def test_as_an_activation_that_is_saved(tmp_path):
    model = mk.Sequential([mk.Input((3,)), mk.layers.Dense(2, mk.activations.snake)])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(mk.saving.load_model(tmp_path / "m.keras")(x), model(x))


def test_impossible():
    with pytest.raises(ValueError, match="`frequency`"):
        mk.activations.snake(1.0, 0.0)

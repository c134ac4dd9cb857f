import numpy as np
import tensorflow as tf

import mlkit as mk


def test_value_and_gradient():
    x = np.random.default_rng(0).normal(size=50) * 3
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = mk.activations.lisht(tensor)
    np.testing.assert_allclose(y, x * np.tanh(x), rtol=1e-12)
    slope = np.tanh(x) + x / np.cosh(x) ** 2
    np.testing.assert_allclose(tape.gradient(y, tensor), slope, rtol=1e-10)


def test_as_an_activation_that_is_saved(tmp_path):
    model = mk.Sequential([mk.Input((3,)), mk.layers.Dense(2, mk.activations.lisht)])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(mk.saving.load_model(tmp_path / "m.keras")(x), model(x))

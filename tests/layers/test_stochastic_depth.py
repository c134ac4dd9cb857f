import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.StochasticDepth,
        kwargs=dict(survival_probability=0.6, mode="batch", seed=3),
        input_shape=[(4, 5, 3), (4, 5, 3)],
        stochastic=True,
        dynamic_axes=(1,),
    )
]


def test_training_keeps_or_leaves_out_each_sample():
    shortcut, residual = np.full((1000, 2, 3), 10.0, "float32"), np.ones((1000, 2, 3), "float32")
    layer = mk.layers.StochasticDepth(0.7, seed=0)
    rows = np.asarray(layer([shortcut, residual], training=True)).reshape(1000, -1)
    np.testing.assert_array_equal(rows, rows[:, :1] * np.ones_like(rows))
    np.testing.assert_array_equal(np.unique(rows), [10.0, 11.0])  # not scaled in training
    assert abs(np.mean(rows[:, 0] == 11.0) - 0.7) < 4 * np.sqrt(0.3 * 0.7 / 1000)


def test_batch_mode_draws_once_a_call():
    x = [np.zeros((6, 2), "float32"), np.ones((6, 2), "float32")]
    layer = mk.layers.StochasticDepth(0.5, mode="batch", seed=0)
    kept = [np.unique(layer(x, training=True)) for _ in range(30)]
    assert all(len(k) == 1 for k in kept)
    assert {float(k[0]) for k in kept} == {0.0, 1.0}


def test_inference_is_the_expectation():
    rng = np.random.default_rng(0)
    shortcut, residual = rng.normal(size=(2, 4, 3)).astype("float32")
    y = mk.layers.StochasticDepth(0.3)([shortcut, residual])
    np.testing.assert_allclose(y, shortcut + 0.3 * residual, rtol=1e-6)


@pytest.mark.parametrize(("probability", "sum_"), [(0.0, 1.0), (1.0, 3.0)])
def test_the_ends_of_the_range(probability, sum_):
    x = [np.full((50, 2), 1.0, "float32"), np.full((50, 2), 2.0, "float32")]
    y = mk.layers.StochasticDepth(probability)(x, training=True)
    np.testing.assert_array_equal(y, np.full((50, 2), sum_))


def test_gradients():
    shortcut, residual = tf.random.normal((2, 60, 3))
    layer = mk.layers.StochasticDepth(0.5, seed=1)
    with tf.GradientTape() as tape:
        tape.watch([shortcut, residual])
        y = layer([shortcut, residual], training=True)
    d_shortcut, d_residual = tape.gradient(y, [shortcut, residual])
    np.testing.assert_array_equal(d_shortcut, np.ones((60, 3)))
    np.testing.assert_allclose(d_residual * residual, y - shortcut, atol=1e-6)
    assert set(np.unique(d_residual)) == {0.0, 1.0}


def test_output_shape_broadcasts():
    layer = mk.layers.StochasticDepth()
    assert layer.compute_output_shape([(None, 1, 3), (None, 5, 3)]) == (None, 5, 3)
    assert layer.compute_output_shape([(None, 5, 3), (None, None, 1)]) == (None, 5, 3)
    assert layer([keras.Input((1, 3)), keras.Input((5, 3))]).shape == (None, 5, 3)


def test_mask_is_that_of_the_shortcut():
    x = keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    y = mk.layers.StochasticDepth()([x, np.ones((1, 2, 1), "float32")])
    np.testing.assert_array_equal(y._keras_mask, [[True, False]])
    z = mk.layers.StochasticDepth()([np.ones((1, 2, 1), "float32"), x])
    np.testing.assert_array_equal(z._keras_mask, [[True, False]])


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_impossible_arguments(probability):
    with pytest.raises(ValueError, match="`survival_probability` must be a number in"):
        mk.layers.StochasticDepth(probability)


def test_wrong_inputs():
    with pytest.raises(ValueError, match="StochasticDepth 'deep' is called on a list of 2"):
        mk.layers.StochasticDepth(name="deep")(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="adds two tensors of one rank"):
        mk.layers.StochasticDepth()([np.ones((2, 3), "float32"), np.ones((2, 3, 1), "float32")])

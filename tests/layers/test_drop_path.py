import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.DropPath,
        kwargs=dict(rate=0.5, mode="batch", seed=3),
        input_shape=(4, 5, 3),
        stochastic=True,
        dynamic_axes=(1,),
    )
]


@pytest.mark.parametrize("shape", [(1000,), (1000, 2), (1000, 2, 3, 4, 5)])
def test_each_sample_is_kept_whole_or_dropped(shape):
    y = np.asarray(mk.layers.DropPath(0.3, seed=0)(np.ones(shape, "float32"), training=True))
    rows = y.reshape(shape[0], -1)
    np.testing.assert_array_equal(rows, rows[:, :1] * np.ones_like(rows))
    np.testing.assert_allclose(np.unique(rows), [0, 1 / 0.7], rtol=1e-6)
    # Four standard deviations of a binomial share.
    assert abs(np.mean(rows[:, 0] > 0) - 0.7) < 4 * np.sqrt(0.3 * 0.7 / 1000)


def test_batch_mode_draws_once_a_call():
    layer = mk.layers.DropPath(0.5, mode="batch", seed=0)
    kept = [np.unique(layer(np.ones((6, 2), "float32"), training=True)) for _ in range(30)]
    assert all(len(k) == 1 for k in kept)
    assert {float(k[0]) for k in kept} == {0.0, 2.0}


def test_inference_and_rate_zero_are_the_identity():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_array_equal(mk.layers.DropPath(0.9)(x), x)
    np.testing.assert_array_equal(mk.layers.DropPath(0.0)(x, training=True), x)


def test_gradient_is_the_factor_of_each_sample():
    x = tf.random.normal((50, 3))
    layer = mk.layers.DropPath(0.5, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    gradient = tape.gradient(y, x)
    np.testing.assert_allclose(np.asarray(gradient * x), np.asarray(y), rtol=1e-6)
    assert set(np.unique(gradient)) == {0.0, 2.0}


def test_draws_repeat_under_a_seed_and_advance():
    x = np.ones((64, 1), "float32")
    one, two = mk.layers.DropPath(0.5, seed=5), mk.layers.DropPath(0.5, seed=5)
    first = np.asarray(one(x, training=True))
    np.testing.assert_array_equal(first, two(x, training=True))
    assert np.any(first != np.asarray(one(x, training=True)))


def test_unknown_batch_and_large_float16():
    layer = mk.layers.DropPath(0.5, seed=0, dtype="mixed_float16")
    run = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, 3), tf.float16)]
    )
    y = run(tf.fill((40, 3), tf.constant(1e4, tf.float16)))
    assert y.dtype == tf.float16
    np.testing.assert_array_equal(np.unique(y), [0.0, 2e4])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (dict(rate=1.0), r"`rate` must be a number in \[0, 1\). Received: rate=1.0"),
        (dict(rate=-0.1), "`rate` must be"),
        (dict(rate=0.1, mode="pixel"), "`mode` must be one of 'row', 'batch'"),
    ],
)
def test_impossible_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        mk.layers.DropPath(**kwargs)


def test_a_scalar_has_no_batch():
    with pytest.raises(ValueError, match="DropPath 'drop' expects inputs with a batch axis"):
        mk.layers.DropPath(0.5, name="drop").build(())


def test_mask_passes():
    x = keras.layers.Masking()(np.zeros((2, 3, 1), "float32"))
    y = mk.layers.DropPath(0.5)(x, training=True)
    np.testing.assert_array_equal(y._keras_mask, np.zeros((2, 3), bool))

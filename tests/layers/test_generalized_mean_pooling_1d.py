import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.GeneralizedMeanPooling1D,
        kwargs=dict(
            p=2.5, epsilon=0.01, learnable=False, keepdims=True, data_format="channels_last"
        ),
        input_shape=(2, 3, 5),
        dynamic_axes=(1,),
    ),
    LayerSpec(
        mk.layers.GeneralizedMeanPooling1D,
        kwargs=dict(
            p=2.5, epsilon=0.01, learnable=False, keepdims=True, data_format="channels_last"
        ),
        input_shape=(2, 3, 5),
        name="GeneralizedMeanPooling1D-positive",
        inputs=lambda rng: rng.uniform(0.1, 2, size=(2, 3, 5)).astype("float32"),
    ),
]


def formula(x, log_p):
    p = np.exp(log_p)
    return np.mean(np.maximum(x, 1e-6) ** p, axis=1) ** (1 / p)


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 20.0])
def test_value_and_gradients(p):
    x = np.random.default_rng(0).uniform(0.1, 3, size=(2, 5, 3)).astype("float32")
    layer = mk.layers.GeneralizedMeanPooling1D(p)
    layer.build(x.shape)
    check_gradients(layer, formula, [x], [layer.log_p])


def test_ends_are_mean_and_maximum():
    x = np.random.default_rng(0).uniform(0.1, 3, size=(2, 5, 3)).astype("float32")
    mean = mk.layers.GeneralizedMeanPooling1D(1.0)(x)
    np.testing.assert_allclose(mean, x.mean(1), rtol=1e-5)
    maximum = mk.layers.GeneralizedMeanPooling1D(1e6)(x)
    np.testing.assert_allclose(maximum, x.max(1), rtol=1e-4)


def test_small_and_negative_inputs_count_as_epsilon():
    y = mk.layers.GeneralizedMeanPooling1D(epsilon=0.5)(np.full((2, 5, 3), -7.0, "float32"))
    np.testing.assert_allclose(y, np.full((2, 3), 0.5), rtol=1e-6)


def test_mask_restricts_the_mean():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 3, size=(2, 5, 3)).astype("float32")
    mask = rng.uniform(size=(2, 5)) < 0.6
    mask[1] = False
    layer = mk.layers.GeneralizedMeanPooling1D()
    tensor = tf.constant(np.where(mask[..., None], x, np.inf))
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor, mask=mask)
    expected = np.mean(x[0][mask[0]] ** 3.0, axis=0) ** (1 / 3)
    np.testing.assert_allclose(y[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(y[1], np.zeros(3))
    gradient = np.asarray(tape.gradient(y, tensor))
    assert np.all(gradient[mask] > 0)
    np.testing.assert_array_equal(gradient[~mask], 0)


def test_large_float16():
    layer = mk.layers.GeneralizedMeanPooling1D(3.0, dtype="mixed_float16")
    y = layer(np.full((2, 5, 3), 1e4, "float16"))  # its cube is 1e12
    np.testing.assert_allclose(y, np.full((2, 3), 1e4), rtol=2e-3)


def test_axes_and_keepdims():
    x = np.random.default_rng(0).uniform(0.1, 3, size=(2, 5, 3)).astype("float32")
    plain = mk.layers.GeneralizedMeanPooling1D()(x)
    kept = mk.layers.GeneralizedMeanPooling1D(keepdims=True)(x)
    assert kept.shape == (2, 1, 3)
    np.testing.assert_allclose(np.reshape(kept, (2, 3)), plain)
    first = mk.layers.GeneralizedMeanPooling1D(data_format="channels_first")
    np.testing.assert_allclose(first(np.moveaxis(x, -1, 1)), plain, rtol=1e-6)


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`p` must be"):
        mk.layers.GeneralizedMeanPooling1D(0.0)
    with pytest.raises(ValueError, match="`epsilon` must be"):
        mk.layers.GeneralizedMeanPooling1D(epsilon=-1.0)
    with pytest.raises(ValueError, match="'gem' expects inputs with 3 axes"):
        mk.layers.GeneralizedMeanPooling1D(name="gem").build((None, 4))

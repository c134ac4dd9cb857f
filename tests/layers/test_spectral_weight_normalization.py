import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients, randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.SpectralWeightNormalization,
        kwargs=dict(layer=keras.layers.Dense(3), power_iterations=3),
        input_shape=(4, 5),
        trains=True,
    ),
    LayerSpec(
        mk.layers.SpectralWeightNormalization,
        kwargs=dict(layer=keras.layers.LSTM(3, return_sequences=True), power_iterations=2),
        input_shape=(2, 5, 4),
        trains=True,
        dynamic_axes=(1,),
        name="SpectralWeightNormalization-LSTM",
    ),
]
CASES = [
    (lambda: keras.layers.Dense(3), (2, 5)),
    (lambda: keras.layers.Conv2D(3, 2), (2, 4, 4, 5)),
    (lambda: keras.layers.Conv1DTranspose(3, 2), (2, 4, 5)),
    (lambda: keras.layers.DepthwiseConv2D(2, depth_multiplier=2), (2, 4, 4, 5)),
    (lambda: keras.layers.SeparableConv2D(3, 2), (2, 4, 4, 5)),
    (lambda: keras.layers.LSTM(3), (2, 4, 5)),
    (lambda: keras.layers.EinsumDense("abc,cde->abde", (None, 3, 2)), (2, 4, 5)),
]


def matrices(layer):
    """Each kernel of the plain layer as matrices of inputs by units, by hand."""
    owner = getattr(layer, "cell", layer)
    for weight in owner.weights:
        w = weight.numpy()
        if w.ndim < 2:
            continue
        transposed = isinstance(owner, keras.layers.Conv1DTranspose)
        if "depthwise" in weight.name or isinstance(owner, keras.layers.DepthwiseConv2D):
            yield [w[..., c, :].reshape(-1, w.shape[-1]) for c in range(w.shape[-2])]
        elif isinstance(owner, keras.layers.EinsumDense):
            yield [w.reshape(w.shape[0], -1)]
        else:
            w = np.swapaxes(w, -1, -2) if transposed else w
            yield [w.reshape(-1, w.shape[-1])]


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_largest_singular_value_is_one(make, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = mk.layers.SpectralWeightNormalization(make(), power_iterations=300)
    layer.build(x.shape)
    randomise(layer.layer.trainable_weights)
    layer(x, training=True)
    expected = np.asarray(layer(x))
    plain = layer.remove()
    for kernel in matrices(plain):
        assert max(np.linalg.norm(m, 2) for m in kernel) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(plain(x), expected, rtol=1e-5, atol=1e-6)


def test_value_and_gradients_with_the_vectors_held():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer = mk.layers.SpectralWeightNormalization(keras.layers.Dense(5))
    layer.build(x.shape)
    weights = [layer.layer.kernel, layer.layer.bias]
    randomise(weights)
    layer(x, training=True)
    u = layer._normalised[0].u.numpy()[0].astype("float64")
    v = layer.layer.kernel.numpy().astype("float64") @ u
    v = v / np.linalg.norm(v)
    check_gradients(layer, lambda x, w, b: x @ (w / (v.T @ w @ u)) + b, [x], weights)


def test_a_step_improves_the_vectors_in_training_only():
    x = np.random.default_rng(0).normal(size=(4, 30)).astype("float32")
    layer = mk.layers.SpectralWeightNormalization(keras.layers.Dense(20))
    layer(x)
    (kernel,) = layer._normalised
    before = kernel.u.numpy()
    layer(x)
    np.testing.assert_array_equal(kernel.u, before)
    truth = np.linalg.norm(layer.layer.kernel.numpy(), 2)
    errors = []
    for _ in range(3):
        for _ in range(20):
            layer(x, training=True)
        errors.append(abs(truth * np.linalg.norm(kernel.value(), 2) - truth))
    assert errors[2] < errors[0] < 0.2 * truth


def test_keras_fails_where_ours_does_not():
    with pytest.raises(ValueError, match="no attribute 'kernel'"):
        keras.layers.SpectralNormalization(keras.layers.LSTM(2))(np.ones((1, 3, 2)))
    with pytest.raises(ValueError, match="no attribute 'kernel'"):
        keras.layers.SpectralNormalization(keras.layers.SeparableConv2D(2, 1))(
            np.ones((1, 3, 3, 2))
        )


def test_the_kernel_keeps_its_length():
    """Keras overwrites the kernel: what was learned about its length is gone after one step."""
    x = np.ones((1, 3), "float32")
    theirs = keras.layers.SpectralNormalization(keras.layers.Dense(2, kernel_initializer="ones"))
    ours = mk.layers.SpectralWeightNormalization(keras.layers.Dense(2, kernel_initializer="ones"))
    for layer in (theirs, ours):
        layer(x, training=True)
    assert np.linalg.norm(theirs.layer.kernel.numpy()) == pytest.approx(1.0, abs=1e-3)
    assert np.linalg.norm(ours.layer.kernel.numpy()) == pytest.approx(np.sqrt(6))


def test_zeros_stay_zero_with_finite_gradients():
    layer = mk.layers.SpectralWeightNormalization(keras.layers.Dense(2, kernel_initializer="zeros"))
    x = tf.ones((1, 3))
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
    assert not np.any(y)
    assert all(np.isfinite(g).all() for g in tape.gradient(y, layer.trainable_variables))


def test_a_layer_without_kernels_is_refused():
    with pytest.raises(ValueError, match="has none of the weights kernel"):
        mk.layers.SpectralWeightNormalization(keras.layers.Dropout(0.5)).build((1, 2))

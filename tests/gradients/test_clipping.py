"""Clipping by norm and value beside TensorFlow and numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk


def random(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=s), "float32") for s in shapes]


@pytest.mark.parametrize("limit", [0.1, 2.0, 100.0])
def test_global_norm_is_that_of_tensorflow(limit):
    grads = random(0, (3, 4), (5,), ())
    expected, _ = tf.clip_by_global_norm(grads, limit)
    found = mk.gradients.clip_by_global_norm(limit)(grads, [None] * 3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("limit", [0.1, 2.0, 100.0])
def test_norm_is_that_of_tensorflow(limit):
    grads = random(1, (3, 4), (5,), ())
    found = mk.gradients.clip_by_norm(limit)(grads, [None] * 3)
    for a, g in zip(found, grads, strict=True):
        np.testing.assert_allclose(a, tf.clip_by_norm(g, limit), rtol=1e-6)


def test_value_is_that_of_numpy():
    (grad,) = random(2, (30,))
    found = mk.gradients.clip_by_value(0.5)([grad], [None])[0]
    np.testing.assert_array_equal(found, np.clip(grad, -0.5, 0.5))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_norm_that_is_not_finite_is_seen_in_every_gradient(value):
    grads = [tf.constant([1.0, value]), tf.constant([1.0])]
    found = mk.gradients.clip_by_global_norm(1.0)(grads, [None] * 2)
    assert all(np.isnan(g).all() for g in found)
    found = mk.gradients.clip_by_norm(1.0)(grads, [None] * 2)
    assert np.isnan(found[0]).all()
    assert found[1].numpy() == 1.0


@pytest.mark.parametrize("by", ["global", "variable"])
def test_normalized_gradients_have_length_one(by):
    grads = random(3, (3, 4), (5,))
    found = mk.gradients.normalize(by)(grads, [None] * 2)
    if by == "global":
        length = np.sqrt(sum(np.sum(np.square(g)) for g in grads))
        for a, g in zip(found, grads, strict=True):
            np.testing.assert_allclose(a, g / length, rtol=1e-5)
    else:
        for a, g in zip(found, grads, strict=True):
            np.testing.assert_allclose(a, g / np.linalg.norm(g), rtol=1e-5)


def named(path, value):
    layer, _, name = path.rpartition("/")
    with keras.name_scope(layer or "root"):
        return keras.Variable(value, name=name)


# For each kind of kernel: the layer that makes it, and the axes that lead into one output.
KERNELS = [
    (keras.layers.Dense(5), (None, 4), "kernel", (0,)),
    (keras.layers.Dense(5), (None, 4), "bias", None),
    (keras.layers.Conv1D(5, 3), (None, 8, 2), "kernel", (0, 1)),
    (keras.layers.Conv2D(5, 3), (None, 8, 8, 2), "kernel", (0, 1, 2)),
    (keras.layers.Conv3D(5, 3), (None, 8, 8, 8, 2), "kernel", (0, 1, 2, 3)),
    (keras.layers.Conv2DTranspose(5, 3), (None, 8, 8, 2), "kernel", (0, 1, 3)),
    (keras.layers.Conv1DTranspose(5, 3), (None, 8, 2), "kernel", (0, 2)),
    (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), (None, 8, 8, 2), "kernel", (0, 1)),
    (keras.layers.SeparableConv2D(5, 3), (None, 8, 8, 2), "depthwise_kernel", (0, 1)),
    (keras.layers.SeparableConv2D(5, 3), (None, 8, 8, 2), "pointwise_kernel", (0, 1, 2)),
    (keras.layers.Embedding(6, 3), (None, 8), "embeddings", (1,)),
]


@pytest.mark.parametrize(("layer", "shape", "name", "axes"), KERNELS)
def test_adaptive_clip_by_the_layout_of_each_layer(layer, shape, name, axes):
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    (variable,) = [v for v in model.variables if v.name == name]
    rng = np.random.default_rng(5)
    variable.assign(rng.normal(size=variable.shape))
    grad = rng.normal(0, 0.2, variable.shape)
    found = mk.gradients.adaptive_clip(0.2)([tf.constant(grad, "float32")], [variable])[0]

    def norm(x):
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=True))

    limit = 0.2 * np.maximum(norm(variable.numpy().astype("float64")), 1e-3)
    expected = np.where(norm(grad) > limit, grad * limit / norm(grad), grad)
    assert not np.allclose(expected, grad)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_adaptive_clip_of_attention_is_by_head_and_feature():
    layer = keras.layers.MultiHeadAttention(2, 3)
    x = np.zeros((1, 4, 5), "float32")
    layer(x, x)
    clip = mk.gradients.adaptive_clip(0.1)
    for variable in layer.trainable_variables:
        if variable.name != "kernel":
            continue
        axes = (0, 1) if "output" in variable.path else (0,)
        grad = np.random.default_rng(0).normal(size=variable.shape)
        found = clip([tf.constant(grad, "float32")], [variable])[0].numpy()
        limit = 0.1 * np.sqrt(np.sum(np.square(variable.numpy()), axis=axes))
        np.testing.assert_allclose(np.sqrt(np.sum(found**2, axis=axes)), limit, rtol=1e-5)


def test_adaptive_clip_by_given_axes():
    kernel = keras.Variable(np.ones((4, 6), "float32"), name="odd")
    grad = tf.ones((4, 6))
    rows = mk.gradients.adaptive_clip(0.5, axes={"od": (1,)})([grad], [kernel])[0]
    np.testing.assert_allclose(rows, np.full((4, 6), 0.5), rtol=1e-6)
    with pytest.raises(ValueError, match=r"`axes`: the pattern 'even' is in no variable's path"):
        mk.gradients.adaptive_clip(axes={"even": (0,)})([grad], [kernel])


def test_adaptive_clip_lets_new_weights_move():
    zero = keras.Variable(np.zeros((3, 2), "float32"))
    found = mk.gradients.adaptive_clip(0.1, eps=1e-2)([tf.ones((3, 2))], [zero])[0]
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), [1e-3, 1e-3], rtol=1e-5)


def test_adaptive_clip_keeps_an_overflow_visible():
    kernel = keras.Variable(np.ones((2, 2), "float32"))
    found = mk.gradients.adaptive_clip()([tf.constant([[np.inf, 1.0], [1.0, 1.0]])], [kernel])[0]
    assert np.isnan(found.numpy()[:, 0]).all()
    assert np.isfinite(found.numpy()[:, 1]).all()


def test_centralized_kernels_have_mean_zero_for_each_output():
    kernel, bias = keras.Variable(np.zeros((3, 3, 2, 4))), keras.Variable(np.zeros(4))
    table = keras.Variable(np.zeros((5, 2)), name="embeddings")
    grads = random(7, (3, 3, 2, 4), (4,), (5, 2))
    found = mk.gradients.centralize()(grads, [kernel, bias, table])
    g = grads[0].numpy().astype("float64")
    np.testing.assert_allclose(found[0], g - g.mean(axis=(0, 1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[1], grads[1])
    np.testing.assert_array_equal(found[2], grads[2])

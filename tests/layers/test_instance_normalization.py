import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients, randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.InstanceNormalization,
        kwargs=dict(
            axis=-2,
            epsilon=1e-2,
            center=False,
            scale=False,
            beta_initializer="ones",
            gamma_initializer="zeros",
            beta_regularizer="l1",
            gamma_regularizer="l2",
            beta_constraint="non_neg",
            gamma_constraint="max_norm",
        ),
        input_shape=(2, 5, 3, 4),
        dynamic_axes=(1,),
    ),
    LayerSpec(
        mk.layers.InstanceNormalization,
        name="InstanceNormalization-last",
        input_shape=(2, 5, 4, 3),
        trains=True,
        dynamic_axes=(1, 2),
        excuse={"kwargs_complete": "the defaults are the case here"},
    ),
]


def formula(x, gamma, beta, axis=-1, epsilon=1e-3):
    x = np.moveaxis(x, axis, -1)
    axes = tuple(range(1, x.ndim - 1))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = (x - mean) / np.sqrt(variance + epsilon) * gamma + beta
    return np.moveaxis(y, -1, axis)


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 5, 3), -1), ((2, 3, 4), 1), ((2, 3, 2, 2), -1), ((2, 2, 3, 2, 2), 1)]
)
def test_value_and_gradients(shape, axis):
    x = np.random.default_rng(0).normal(1, 2, size=shape).astype("float32")
    layer = mk.layers.InstanceNormalization(axis=axis)
    layer.build(shape)
    randomise([layer.gamma, layer.beta])
    check_gradients(
        layer, lambda *a: formula(*a, axis=axis), [x], [layer.gamma, layer.beta], tolerance=1e-4
    )


def test_mask_restricts_the_statistics():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 6, 4)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1], [0] * 6], bool)
    padded = np.where(mask[..., None], x, np.nan)  # whatever stands there
    layer = mk.layers.InstanceNormalization(beta_initializer="ones")
    y = np.asarray(layer(padded, mask=mask))
    for row, valid in zip(range(2), (slice(0, 3), slice(2, 6)), strict=True):
        alone = layer(x[row : row + 1, valid])
        np.testing.assert_allclose(y[row, valid], alone[0], atol=1e-6)
    np.testing.assert_array_equal(y[~mask], 0)  # also where a row has nothing valid
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = tf.reduce_sum(tf.square(layer(tensor, mask=mask)))
    gradient = np.asarray(tape.gradient(loss, tensor))
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[~mask], 0)


def test_mask_of_one_spatial_axis():
    x = np.random.default_rng(0).normal(size=(1, 4, 3, 2)).astype("float32")
    mask = np.array([[True, True, False, False]])
    y = np.asarray(mk.layers.InstanceNormalization()(x, mask=mask))
    np.testing.assert_allclose(y[:, :2], formula(x[:, :2], 1, 0), atol=1e-5)


def test_mask_needs_channels_last():
    layer = mk.layers.InstanceNormalization(axis=1, name="norm")
    with pytest.raises(ValueError, match="'norm': a mask is of the leading axes"):
        layer(np.ones((2, 3, 4), "float32"), mask=np.ones((2, 4), bool))


def test_a_single_position_gives_beta_and_no_gradient():
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 1, 1, 3)).astype("float32"))
    layer = mk.layers.InstanceNormalization(beta_initializer=keras.initializers.Constant(0.25))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    np.testing.assert_array_equal(y, np.full((2, 1, 1, 3), 0.25))
    np.testing.assert_array_equal(tape.gradient(y, x), np.zeros((2, 1, 1, 3)))


def test_large_mean_and_float16():
    # All sums of these are exact: what is left is how the mean is taken off.
    x = 2.0**17 + np.tile([-1.0, 1.0], 32).reshape(1, 64, 1)
    y = mk.layers.InstanceNormalization()(x.astype("float32"))
    np.testing.assert_allclose(y, formula(x, 1, 0), atol=1e-6)
    half = mk.layers.InstanceNormalization(dtype="mixed_float16")(
        np.array([[[1e4], [-1e4]]], "float16")
    )
    np.testing.assert_array_equal(half, np.array([[[1], [-1]]], "float16"))


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`epsilon` must be a number in"):
        mk.layers.InstanceNormalization(epsilon=0)
    with pytest.raises(ValueError, match=r"'norm' expects inputs with 3 .*\(None, 3\)"):
        mk.layers.InstanceNormalization(name="norm").build((None, 3))
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.InstanceNormalization().build((None, 3, None))


def in_tensorflow(x, gamma, beta, mask):
    """The formula as it stands, for TensorFlow to differentiate in float64."""
    valid = np.float64(mask[..., None])
    count = valid.sum((1, 2), keepdims=True)
    mean = tf.reduce_sum(x * valid, (1, 2), keepdims=True) / count
    variance = tf.reduce_sum((x - mean) ** 2 * valid, (1, 2), keepdims=True) / count
    return ((x - mean) / tf.sqrt(variance + 1e-3) * gamma + beta) * valid


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_gradients(jit, masked):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(3.0, 1.0, size=s).astype("float32") for s in ((2, 6, 5, 4), (4,), (4,))]
    upstream = rng.normal(size=(2, 6, 5, 4))
    mask = rng.random(size=(2, 6, 5)) < 0.6 if masked else np.ones((2, 6, 5), bool)
    layer = mk.layers.InstanceNormalization()
    layer.build((2, 6, 5, 4))

    def ours(x, gamma, beta):
        scope = keras.StatelessScope([(layer.gamma, gamma), (layer.beta, beta)])
        with scope:
            return layer(x, mask=tf.constant(mask) if masked else None)

    def derivatives(function, *tensors):
        with tf.GradientTape() as outer:
            outer.watch(tensors)
            with tf.GradientTape() as inner:
                inner.watch(tensors)
                y = function(*tensors)
            first = inner.gradient(y, tensors, tf.cast(upstream, y.dtype))
            sum_of_squares = sum(tf.reduce_sum(tf.square(g)) for g in first)
        zero = tf.UnconnectedGradients.ZERO
        return first, outer.gradient(sum_of_squares, tensors, unconnected_gradients=zero)

    compiled = tf.function(lambda *a: derivatives(ours, *a), jit_compile=jit)
    got = compiled(*map(tf.constant, arrays))
    expected = derivatives(
        lambda *a: in_tensorflow(*a, mask), *(tf.constant(a, tf.float64) for a in arrays)
    )
    for one, other in zip(tf.nest.flatten(got), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())

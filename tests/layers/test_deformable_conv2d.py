import numpy as np
import pytest
import tensorflow as tf
from numeric import close, differences

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.DeformableConv2D,
        kwargs=dict(
            filters=4,
            kernel_size=(2, 3),
            strides=2,
            padding="same",
            dilation_rate=(1, 2),
            groups=2,
            offset_groups=2,
            modulated=False,
            activation="tanh",
            use_bias=False,
            kernel_initializer="he_normal",
            bias_initializer="ones",
            kernel_regularizer=mk.regularizers.L2(0.01),
            bias_regularizer=mk.regularizers.L1(0.02),
            kernel_constraint=mk.constraints.MaxNorm(3.0),
            bias_constraint=mk.constraints.MaxNorm(4.0),
            data_format="channels_first",
        ),
        input_shape=(2, 4, 7, 8),
        trains=True,
        dynamic_axes=(2, 3),
    ),
    LayerSpec(
        mk.layers.DeformableConv2D,
        kwargs=dict(
            filters=3,
            kernel_size=2,
            strides=(1, 2),
            padding="same",
            dilation_rate=2,
            groups=3,
            offset_groups=3,
            modulated=False,
            activation="relu",
            use_bias=False,
            kernel_initializer="he_normal",
            bias_initializer="ones",
            kernel_regularizer=mk.regularizers.L2(0.01),
            bias_regularizer=mk.regularizers.L1(0.02),
            kernel_constraint=mk.constraints.MaxNorm(3.0),
            bias_constraint=mk.constraints.MaxNorm(4.0),
            data_format="channels_first",
        ),
        input_shape=(2, 3, 5, 6),
        trains=True,
        name="DeformableConv2D(depthwise)",
    ),
]


@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize(
    ("size", "strides", "padding", "rate", "groups"),
    [
        (3, 1, "valid", 1, 1),
        (3, 2, "same", 1, 2),
        ((2, 3), (2, 1), "same", 1, 1),
        (3, 1, "same", 2, 4),
    ],
)
def test_starts_as_a_convolution(size, strides, padding, rate, groups, modulated):
    x = np.random.default_rng(0).normal(size=(2, 9, 10, 4))
    layer = mk.layers.DeformableConv2D(
        8, size, strides, padding, rate, groups, modulated=modulated, dtype="float64"
    )
    plain = mk.layers.Conv2D(
        8, size, strides, padding, dilation_rate=rate, groups=groups, dtype="float64"
    )
    y = np.asarray(layer(x))
    plain.build(x.shape)
    plain.set_weights([np.asarray(layer.kernel), np.asarray(layer.bias)])
    expected = np.asarray(plain(x)) * (0.5 if modulated else 1.0)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)
    assert layer.compute_output_shape(x.shape) == y.shape


def test_offsets_come_from_the_second_convolution():
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 1)).astype("float32")
    layer = mk.layers.DeformableConv2D(1, 1, modulated=False, kernel_initializer="ones")
    layer.build(x.shape)
    layer.offset_bias.assign([1.0, -2.0])  # one row down, two columns left
    y = np.asarray(layer(x))
    np.testing.assert_allclose(y[:, :-1, 2:], x[:, 1:, :-2], atol=1e-6)
    assert not y[:, -1].any()
    assert not y[:, :, :2].any()


def test_strides_and_dilation_at_once():
    x = np.random.default_rng(0).normal(size=(1, 9, 10, 2))
    arguments = dict(filters=3, kernel_size=3, dilation_rate=2, modulated=False, dtype="float64")
    whole = mk.layers.DeformableConv2D(padding="valid", **arguments)
    whole.build(x.shape)
    offsets = np.random.default_rng(1).normal(size=whole.offset_kernel.shape)
    whole.offset_kernel.assign(offsets)
    part = mk.layers.DeformableConv2D(strides=2, padding="valid", **arguments)
    part.build(x.shape)
    part.set_weights(whole.get_weights())
    np.testing.assert_allclose(part(x), np.asarray(whole(x))[:, ::2, ::2], atol=1e-9)


def test_impossible():
    with pytest.raises(ValueError, match="`groups` must divide `filters`"):
        mk.layers.DeformableConv2D(3, groups=2)
    with pytest.raises(ValueError, match="'d': `offset_groups`=2 must divide the channels"):
        mk.layers.DeformableConv2D(4, offset_groups=2, name="d").build((None, 6, 6, 3))


def test_gradients_of_gradients():
    rng = np.random.default_rng(0)
    shapes = [(1, 4, 3, 2), (1, 4, 3, 8), (2, 1, 2, 2), (1, 4, 3, 4)]  # two taps, two groups
    arrays = [rng.normal(size=shape) for shape in shapes]
    arrays[1] = rng.uniform(0.1, 0.9, size=shapes[1])  # at a whole offset there is a kink

    def steepness(*arrays):
        tensors = [tf.convert_to_tensor(a, tf.float64) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            x, offsets, kernel, mask = tensors
            y = mk.ops.deform_conv2d(x, offsets, kernel, mask, padding="same")
            value = tf.reduce_sum(tf.sin(y))
        return sum(tf.reduce_sum(tf.square(g)) for g in tape.gradient(value, tensors))

    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = steepness(*tensors)
    expected = differences(lambda *a: steepness(*a).numpy(), arrays)
    for got, want in zip(tape.gradient(value, tensors), expected, strict=True):
        close(tf.convert_to_tensor(got), want, 1e-8)

import keras
import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients, randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.WeightNormalization,
        kwargs=dict(layer=keras.layers.Dense(3), data_init=False),
        input_shape=(4, 5),
        trains=True,
    ),
    LayerSpec(
        mk.layers.WeightNormalization,
        kwargs=dict(layer=keras.layers.LSTM(3, return_sequences=True), data_init=False),
        input_shape=(2, 5, 4),
        trains=True,
        dynamic_axes=(1,),
        name="WeightNormalization-LSTM",
    ),
]


def test_dense_value_and_gradients_to_g_and_v():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer = mk.layers.WeightNormalization(keras.layers.Dense(5), data_init=False)
    layer.build(x.shape)
    weights = [layer.layer.kernel, layer.weights[0], layer.layer.bias]
    assert [w.name for w in weights] == ["kernel", "g", "bias"]
    randomise(weights)
    check_gradients(
        layer, lambda x, v, g, b: x @ (g * v / np.sqrt((v**2).sum(0))) + b, [x], weights
    )


def plain_and_wrapped(make, x):
    """A plain layer, and a wrapped one with the same kernels: at the start they agree."""
    plain, wrapped = make(), mk.layers.WeightNormalization(make(), data_init=False)
    plain(x)
    wrapped(x)
    wrapped.layer.set_weights(plain.get_weights())
    for weight in wrapped._normalised:
        value = np.sqrt(np.sum(weight.v.numpy() ** 2, axis=weight.axes))
        weight.g.assign(value)
    return plain, wrapped


@pytest.mark.parametrize(
    ("make", "shape", "lengths"),
    [
        (lambda: keras.layers.Dense(3), (2, 5), [(3,)]),
        (lambda: keras.layers.Conv2D(3, 2), (2, 4, 4, 5), [(3,)]),
        (lambda: keras.layers.Conv1DTranspose(3, 2), (2, 4, 5), [(3,)]),
        (lambda: keras.layers.DepthwiseConv2D(2, depth_multiplier=2), (2, 4, 4, 5), [(5, 2)]),
        (lambda: keras.layers.SeparableConv2D(3, 2), (2, 4, 4, 5), [(5, 1), (3,)]),
        (lambda: keras.layers.EinsumDense("abc,cde->abde", (None, 3, 2)), (2, 4, 5), [(3, 2)]),
        (lambda: keras.layers.EinsumDense("...x,xy->...y", 3), (2, 4, 5), [(3,)]),
        (lambda: keras.layers.LSTM(3), (2, 4, 5), [(12,), (12,)]),
        (lambda: keras.layers.GRU(3), (2, 4, 5), [(9,), (9,)]),
        (lambda: keras.layers.RNN(keras.layers.LSTMCell(2)), (2, 4, 5), [(8,), (8,)]),
        (
            lambda: keras.layers.Bidirectional(keras.layers.SimpleRNN(2)),
            (2, 4, 5),
            [(2,), (2,), (2,), (2,)],
        ),
        (lambda: keras.layers.TimeDistributed(keras.layers.Dense(3)), (2, 4, 5), [(3,)]),
    ],
)
def test_kinds_of_layers(make, shape, lengths):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    plain, wrapped = plain_and_wrapped(make, x)
    assert sorted(tuple(w.g.shape) for w in wrapped._normalised) == sorted(lengths)
    np.testing.assert_allclose(wrapped(x), plain(x), atol=1e-6)
    # The direction alone matters: ten times v is the same layer, ten times g ten times the kernel.
    for weight in wrapped._normalised:
        weight.v.assign(10 * weight.v.numpy())
    np.testing.assert_allclose(wrapped(x), plain(x), atol=1e-5)
    with tf.GradientTape() as tape:
        y = wrapped(x)
    assert all(
        g is not None for g in tape.gradient(y, [w.value for w in wrapped.trainable_weights])
    )


def test_embedding():
    x = np.array([[0, 2], [1, 1]])
    plain, wrapped = plain_and_wrapped(lambda: keras.layers.Embedding(4, 3), x)
    assert tuple(wrapped._normalised[0].g.shape) == (3,)
    np.testing.assert_allclose(wrapped(x), plain(x), atol=1e-6)


def test_a_zero_kernel_has_finite_gradients():
    layer = mk.layers.WeightNormalization(
        keras.layers.Dense(2, kernel_initializer="zeros"), data_init=False
    )
    x = tf.random.normal((3, 4))
    with tf.GradientTape() as tape:
        y = layer(x)
    gradients = tape.gradient(y, [w.value for w in layer.trainable_weights])
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize(
    ("inner", "shape", "axes"),
    [
        (lambda: keras.layers.Dense(5, activation="relu"), (200, 3), 0),
        (lambda: keras.layers.Conv2D(5, 3, activation="tanh"), (8, 9, 9, 3), (0, 1, 2)),
        (lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 9, 9, 3), (0, 1, 2)),
        (lambda: keras.layers.Conv1DTranspose(5, 3), (8, 9, 3), (0, 1)),
        (
            lambda: keras.layers.EinsumDense("ab,cb->ac", 5, bias_axes="c"),
            (200, 3),
            0,
        ),
    ],
)
def test_data_dependent_initialisation(inner, shape, axes):
    x = np.random.default_rng(0).normal(3, 2, size=shape).astype("float32")
    layer = mk.layers.WeightNormalization(inner())
    before = np.asarray(layer(x))
    activation = getattr(layer.layer, "activation", None)
    assert not layer.initialized.numpy()
    after = np.asarray(layer(x, training=True))
    assert bool(layer.initialized.numpy())
    assert getattr(layer.layer, "activation", None) is activation
    assert np.any(before != after)
    if activation is not None:
        layer.layer.activation = keras.activations.linear
        after = np.asarray(layer(x))
        layer.layer.activation = activation
    np.testing.assert_allclose(after.mean(axes), 0, atol=2e-5)
    np.testing.assert_allclose(after.std(axes), 1, atol=2e-5)
    g = layer._normalised[0].g.numpy()
    layer(2 * x, training=True)  # once only
    np.testing.assert_array_equal(layer._normalised[0].g.numpy(), g)


def test_data_dependent_initialisation_in_fit_and_after_loading(tmp_path):
    x = np.random.default_rng(0).normal(3, 2, size=(64, 3)).astype("float32")
    for jit in (False, True):
        layer = mk.layers.WeightNormalization(keras.layers.Dense(4))
        model = keras.Sequential([keras.Input((3,)), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=jit)
        model.fit(x, np.zeros((64, 4), "float32"), batch_size=64, verbose=0)
        y = model.predict(x, verbose=0)
        np.testing.assert_allclose(y.mean(0), 0, atol=2e-5)
        np.testing.assert_allclose(y.std(0), 1, atol=2e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), y)
    loaded(5 * x, training=True)  # already initialised
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), y)


def test_remove_gives_the_plain_layer():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer = mk.layers.WeightNormalization(keras.layers.Dense(5), data_init=False)
    y = layer(x)
    randomise(layer.weights)
    y = np.asarray(layer(x))
    plain = layer.remove()
    assert type(plain) is keras.layers.Dense
    np.testing.assert_allclose(plain(x), y, atol=1e-6)
    np.testing.assert_allclose(layer(x), y, atol=1e-6)


def test_what_the_layer_changes_itself_is_kept():
    x = np.ones((3, 4, 2), "float32")
    layer = mk.layers.WeightNormalization(
        keras.layers.LSTM(8, dropout=0.5, seed=1), data_init=False
    )
    first, second = layer(x, training=True), layer(x, training=True)
    assert np.any(np.asarray(first) != np.asarray(second))
    stateful = mk.layers.WeightNormalization(keras.layers.GRU(3, stateful=True), data_init=False)
    first, second = stateful(x), stateful(x)
    assert np.any(np.asarray(first) != np.asarray(second))
    active = mk.layers.WeightNormalization(
        keras.layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l2"), data_init=False
    )
    active(x)
    assert len(active.losses) == 2


def test_mask_reaches_the_layer():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    layer = mk.layers.WeightNormalization(keras.layers.LSTM(4), data_init=False)
    y = layer(x, mask=mask)
    np.testing.assert_allclose(y[0], layer(x[:1, :3])[0], atol=1e-6)
    masked = keras.layers.Masking()(np.where(mask[..., None], x, 0))
    np.testing.assert_allclose(layer(masked), y, atol=1e-6)


def test_mixed_precision():
    x = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
    layer = mk.layers.WeightNormalization(
        keras.layers.Dense(3, dtype="mixed_float16"), dtype="mixed_float16"
    )
    y = layer(x, training=True)
    assert y.dtype == "float16"
    assert layer._normalised[0].g.dtype == "float32"
    np.testing.assert_allclose(np.std(np.asarray(y, "float32"), axis=0), 1, atol=5e-3)


def test_two_replicas_refuse_the_initialisation():
    devices = [f"CPU:{i}" for i in range(2)]
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        layer = mk.layers.WeightNormalization(keras.layers.Dense(3), name="wn")
        layer.build((None, 2))
    with pytest.raises(RuntimeError, match="'wn': `data_init=True` sets the weights from one"):
        strategy.run(lambda: layer(tf.ones((4, 2)), training=True))


def test_layers_that_do_not_fit():
    with pytest.raises(ValueError, match=r"'wn': Dropout .* has none of the weights kernel,"):
        mk.layers.WeightNormalization(keras.layers.Dropout(0.1), name="wn").build((None, 3))
    with pytest.raises(ValueError, match=r"one axis of outputs\. Received: LSTM"):
        mk.layers.WeightNormalization(keras.layers.LSTM(2)).build((None, 4, 3))
    with pytest.raises(RuntimeError, match="is not built: call it first"):
        mk.layers.WeightNormalization(keras.layers.Dense(2)).remove()

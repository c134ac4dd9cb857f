"""The chunked cross-entropy beside Dense and Keras' sparse cross-entropy, and alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from mlkit import layers, losses
from mlkit.testing import LossSpec

WIDTH, CLASSES = 4, 7


def dense(**kwargs):
    layer = keras.layers.Dense(CLASSES, bias_initializer="normal", **kwargs)
    layer.build((None, WIDTH))
    return layer


HEAD = dense()


def labels(rng):
    return rng.integers(0, CLASSES, (5, 3))


def hidden(rng):
    return rng.normal(size=(5, 3, WIDTH)).astype("float32")


def formula(y, h, layer=HEAD):
    z = h.astype("float64") @ layer.kernel.numpy() + layer.bias.numpy()
    return logsumexp(z, -1) - np.take_along_axis(z, y[..., None], -1)[..., 0]


SPECS = [
    LossSpec(
        losses.ChunkedSparseCategoricalCrossentropy,
        kwargs={"projection": HEAD, "chunk_size": 4, "ignore_class": 77},
        reference=formula,
        y_true=labels,
        y_pred=hidden,
        saturated=lambda rng: rng.choice([-1e4, 1e4], (5, 3, WIDTH)),
        properties=("nonnegative",),
        excuse={
            "reductions": "mean_with_sample_weight with a scalar weight is a mean, not a sum",
            "saved_model": "the kit's model does not hold the projection; a test here saves one",
            "config_complete": "a layer that belongs to a model is kept by name only",
        },
    )
]


def all_gradients(loss, y, h, layer):
    h = tf.constant(h)
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = loss(y, h)
    sources = [h, *[w.value for w in layer.trainable_weights]]
    return value, [tf.convert_to_tensor(g).numpy() for g in tape.gradient(value, sources)]


@pytest.mark.parametrize("chunk_size", [1, 4, 15, 64])
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("jit", [None, False, True])
def test_value_and_gradients_are_those_of_dense_and_cross_entropy(chunk_size, reduction, jit):
    rng = np.random.default_rng(0)
    y, h = labels(rng), hidden(rng)
    weights = rng.uniform(0, 2, (5, 3)).astype("float32")
    ours = losses.ChunkedSparseCategoricalCrossentropy(
        chunk_size, projection=HEAD, reduction=reduction
    )
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)

    def mine(y, h):
        return ours(y, h, weights)

    def standard(y, h):
        return theirs(y, HEAD(h), weights)

    run = mine if jit is None else tf.function(mine, jit_compile=jit)
    value, found = all_gradients(run, y, h, HEAD)
    want, due = all_gradients(standard, y, h, HEAD)
    np.testing.assert_allclose(value, want, rtol=1e-6)
    for a, b in zip(found, due, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_values_of_single_tokens_have_the_same_gradients():
    rng = np.random.default_rng(1)
    y, h = labels(rng), hidden(rng)
    weights = rng.uniform(0, 2, (5, 3)).astype("float32")
    ours = losses.ChunkedSparseCategoricalCrossentropy(4, projection=HEAD, reduction=None)
    summed = losses.ChunkedSparseCategoricalCrossentropy(4, projection=HEAD, reduction="sum")
    value, found = all_gradients(lambda y, h: tf.reduce_sum(ours(y, h, weights)), y, h, HEAD)
    want, due = all_gradients(lambda y, h: summed(y, h, weights), y, h, HEAD)
    np.testing.assert_allclose(value, want, rtol=1e-6)
    for a, b in zip(found, due, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def language_model(tied):
    words = keras.Input((6,), dtype="int32")
    table = keras.layers.Embedding(CLASSES, WIDTH, mask_zero=True)
    head = layers.VocabularyProjection(CLASSES, tied_to=table if tied else None)
    states = keras.layers.LSTM(WIDTH, return_sequences=True)(table(words))
    train, use = (keras.Model(words, head(states, project=p)) for p in (False, True))
    return train, use


@pytest.mark.parametrize("tied", [True, False])
def test_training_is_that_of_the_logits(tied):
    rng = np.random.default_rng(2)
    x, y = rng.integers(1, CLASSES, (8, 6)), rng.integers(0, CLASSES, (8, 6))
    x[:4, 4:] = 0  # padding
    train, use = language_model(tied)
    start = train.get_weights()
    loss = losses.ChunkedSparseCategoricalCrossentropy(chunk_size=5)
    train.compile(keras.optimizers.SGD(0.5), loss)
    fitted = train.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
    after = train.get_weights()
    train.set_weights(start)
    use.compile(
        keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    wanted = use.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
    np.testing.assert_allclose(fitted, wanted, rtol=1e-5)
    for a, b in zip(after, use.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert wanted[-1] < wanted[0]


@pytest.mark.parametrize("tied", [True, False])
def test_a_loaded_model_goes_on_training_its_own_projection(tied, tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.integers(1, CLASSES, (8, 6)), rng.integers(0, CLASSES, (8, 6))
    train, _ = language_model(tied)
    train.compile(keras.optimizers.SGD(0.5), losses.ChunkedSparseCategoricalCrossentropy())
    train.train_on_batch(x, y)
    train.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    wanted = train.fit(x, y, epochs=2, verbose=0).history["loss"]
    found = loaded.fit(x, y, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for a, b in zip(loaded.get_weights(), train.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_ignored_labels_and_masks():
    rng = np.random.default_rng(4)
    y, h = labels(rng), hidden(rng)
    y[:, 2] = -1
    loss = losses.ChunkedSparseCategoricalCrossentropy(4, projection=HEAD, ignore_class=-1)
    np.testing.assert_allclose(loss(y, h), formula(y[:, :2], h[:, :2]).mean(), rtol=1e-6)
    h[:, 0] = -9
    masked = keras.layers.Masking(-9.0)(h)
    np.testing.assert_allclose(loss(y, masked), formula(y[:, 1], h[:, 1]).mean(), rtol=1e-6)
    assert float(loss(np.full((5, 3), -1), h)) == 0


def test_half_precision_keeps_sums_in_float32():
    rng = np.random.default_rng(5)
    y, h = labels(rng), hidden(rng).astype("float16")
    loss = losses.ChunkedSparseCategoricalCrossentropy(4, projection=HEAD)
    found = loss(y, h)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, formula(y, h).mean(), rtol=2e-3)


def test_without_a_mark_or_a_layer_nothing_projects():
    rng = np.random.default_rng(7)
    y, h = labels(rng), hidden(rng)
    for loss in (
        losses.ChunkedSparseCategoricalCrossentropy(),
        keras.losses.deserialize(keras.losses.serialize(SPECS[0].make())),
    ):
        with pytest.raises(ValueError, match="Nothing says which weights project"):
            loss(y, h)


def test_what_cannot_project_is_refused():
    rng = np.random.default_rng(6)
    y, h = labels(rng), hidden(rng)
    with pytest.raises(ValueError, match="has no weights yet"):
        losses.ChunkedSparseCategoricalCrossentropy(projection=keras.layers.Dense(CLASSES))(y, h)
    with pytest.raises(ValueError, match="must not have an activation"):
        losses.ChunkedSparseCategoricalCrossentropy(projection=dense(activation="softmax"))(y, h)
    with pytest.raises(ValueError, match="must be a VocabularyProjection"):
        losses.ChunkedSparseCategoricalCrossentropy(projection=keras.layers.Flatten())(y, h)
    with pytest.raises(ValueError, match="not logits"):
        losses.ChunkedSparseCategoricalCrossentropy(projection=HEAD)(
            y, np.zeros((5, 3, CLASSES), "float32")
        )

"""Sparse and ragged inputs train as in Keras, from arrays and from datasets."""

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from keras import layers

import mlkit as mk

ROWS = [[1, 2], [3], [4, 5, 6], [7], [8, 1, 2, 3]] * 14
Y = np.random.default_rng(0).integers(0, 3, 70)
SPARSE = scipy.sparse.random(70, 6, 0.3, "csr", dtype="float64", random_state=0)


def classifier(*first):
    model = keras.Sequential([*first, layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def ragged():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None,), dtype="int32", ragged=True)
    return classifier(inputs, layers.Embedding(9, 4), layers.GlobalAveragePooling1D())


def sparse():
    keras.utils.set_random_seed(1)
    return classifier(keras.Input((6,), sparse=True))


CASES = {
    "ragged": (ragged, tf.ragged.constant(ROWS, dtype=tf.int32)),
    "sparse": (sparse, tf.sparse.from_dense(SPARSE.toarray().astype("float32"))),
    "scipy": (sparse, SPARSE),
}


@pytest.mark.parametrize("execution", ["step", "fused", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_it_learns_what_it_learns_in_keras(name, execution):
    make, x = CASES[name]
    asked = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    theirs, ours = make(), make()
    expected = theirs.fit(x, Y, validation_data=(x, Y), **asked).history
    found = mk.fit(ours, x, Y, validation_data=(x, Y), execution=execution, **asked).history
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5)
    np.testing.assert_allclose(
        mk.Trainer(ours).predict(x, batch_size=16), theirs.predict(x, verbose=0), atol=1e-5
    )


def test_a_dataset_of_ragged_batches():
    dataset = tf.data.Dataset.from_tensor_slices((CASES["ragged"][1], Y)).batch(16)
    theirs, ours = ragged(), ragged()
    expected = theirs.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    found = mk.fit(ours, dataset, epochs=2, verbose=0).history
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def test_nan_among_the_stored_values_is_found():
    x = SPARSE.copy()
    x.data[4] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in 1 of .* stored values"):
        mk.fit(sparse(), x, Y, shuffle=False, batch_size=70, verbose=0)


def test_shuffled_epochs_have_orders_of_their_own():
    seen = []

    class Eyes(layers.Layer):
        def call(self, x):
            seen.append(x.numpy())
            return x

    model = keras.Sequential([Eyes(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = tf.sparse.from_dense(np.arange(1.0, 21.0, dtype="float32")[:, None])
    dense = tf.data.Dataset.from_tensor_slices(tf.sparse.to_dense(x)).batch(20)
    assert len(list(dense)) == 1
    keras.utils.set_random_seed(0)
    mk.fit(densified(model), x, np.ones((20, 1)), epochs=2, batch_size=20, seed=3, verbose=0)
    first, second = (np.ravel(s) for s in seen[-2:])
    assert sorted(first) == sorted(second) == list(range(1, 21))
    assert list(first) != list(second)


def densified(model):
    inner = keras.Sequential([layers.Lambda(tf.sparse.to_dense), *model.layers])
    inner.compile("sgd", "mse", run_eagerly=True)
    return inner

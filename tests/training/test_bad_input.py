"""Mistakes that would train without an error are said before the first step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like

import mlkit as mk

X, Y = digits_like()


def fit(x=X, y=Y, model=None, **kwargs):
    return mk.fit(model or compiled(), x, y, verbose=0, **kwargs)


@pytest.mark.parametrize("execution", ["step", "epoch", "epoch+xla"])
@pytest.mark.parametrize("label", [-1, 3])
def test_labels_that_are_no_class(execution, label):
    y = Y.copy()
    y[140] = label
    with pytest.raises(ValueError, match=r"labels from 0 to 2, as the model has 3 outputs"):
        fit(y=y, execution=execution)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite(value):
    x = X.copy()
    x[70, 2] = x[90, 1] = value
    with pytest.raises(ValueError, match=r"`x` holds NaN or infinity in 2 of 150.*index 70"):
        fit(x=x)


def test_mismatched_lengths():
    with pytest.raises(ValueError, match=r"must have the same length.*\[150, 149\]"):
        fit(y=Y[:-1])


def test_empty_arrays():
    with pytest.raises(ValueError, match="their length is 0"):
        fit(x=X[:0], y=Y[:0])


def test_an_empty_dataset():
    with pytest.raises(ValueError, match="yields no batch"):
        fit(x=tf.data.Dataset.from_tensor_slices((X, Y)).batch(32).take(0), y=None)


def test_a_dataset_that_ends_early_stops_with_one_warning():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    model = compiled()
    with pytest.warns(UserWarning, match="data ended after 1 of 2 batches"):
        history = fit(x=data, y=None, model=model, epochs=5, steps_per_epoch=2)
    assert int(model.optimizer.iterations) == 3
    assert len(history.epoch) == 2


def test_an_infinite_dataset_needs_steps():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50).repeat()
    with pytest.raises(ValueError, match="Give `steps_per_epoch`"):
        fit(x=data, y=None)
    history = fit(x=data, y=None, epochs=2, steps_per_epoch=2)
    assert len(history["loss"]) == 2


def test_a_model_that_is_not_compiled():
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"is not compiled.*model\.compile"):
        fit(model=model)


def test_an_unknown_monitor_names_what_is_there():
    stop = keras.callbacks.EarlyStopping("val_acuracy")
    with pytest.raises(ValueError, match=r"monitor='val_acuracy'.*accuracy, loss, val_accuracy"):
        fit(callbacks=[stop], validation_data=(X, Y))
    with pytest.raises(ValueError, match="Give `validation_data`"):
        fit(callbacks=[keras.callbacks.EarlyStopping("val_loss")])


def test_gradients_that_are_all_none():
    def blind(y_true, y_pred):
        return tf.cast(tf.argmax(y_pred, -1), tf.float32)

    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3)])
    model.compile("sgd", blind)
    with pytest.raises(ValueError, match="No gradient reaches any"):
        fit(model=model)


def test_a_loss_that_broadcasts_is_warned_of():
    def squared(y_true, y_pred):
        return tf.square(tf.cast(y_true, y_pred.dtype) - y_pred)

    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(1)])
    model.compile("sgd", squared)
    with pytest.warns(UserWarning, match=r"shape \(8,\).*\(8, 1\).*broadcast to a matrix"):
        fit(model=model)


def test_batches_of_their_own_take_no_second_array():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    with pytest.raises(ValueError, match="`y` must not be given"):
        fit(x=data)


def test_class_weights_of_dense_targets():
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 2)).astype("float32")
    labels = (images[..., 0] > 0).astype("int64")
    weighted = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.Conv2D(2, 1)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weighted.compile(keras.optimizers.SGD(0.1), loss)
    start = weighted.get_weights()
    fit(images, labels, weighted, class_weight={0: 1.0, 1: 3.0}, epochs=2, shuffle=False)
    found = weighted.get_weights()
    weighted.set_weights(start)
    by_hand = np.where(labels == 1, 3.0, 1.0).astype("float32")
    fit(images, labels, weighted, sample_weight=by_hand, epochs=2, shuffle=False)
    for a, b in zip(found, weighted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert np.abs(found[0] - start[0]).max() > 0

import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import LOOPS, Breaks, data, model, train

import mlkit as mk
from mlkit.callbacks import StochasticWeightAveraging
from mlkit.testing import CallbackSpec

SPECS = [
    CallbackSpec(
        StochasticWeightAveraging,
        kwargs={
            "start": 1,
            "every": 2,
            "data": (1.0,),  # not read, as nothing is recalibrated
            "batch_size": 2,
            "recalibrate": False,
            "verbose": 1,
        },
        stateful=True,
        observe=lambda callback: [callback.count, *callback.model.get_weights()],
    )
]


class Record(keras.callbacks.Callback):
    """The weights after each epoch and each update."""

    def on_train_begin(self, logs=None):
        self.epochs, self.updates = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.updates.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())


def means(recorded):
    return [np.mean(np.asarray(w, "float64"), 0) for w in zip(*recorded, strict=True)]


def assert_close(a, b):
    for u, v in zip(a, b, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_mean_of_the_last_epochs(loop):
    record = Record()
    made = train([record, StochasticWeightAveraging(0.5)], loop, epochs=4)
    assert_close(made.get_weights(), means(record.epochs[2:]))


def test_the_mean_by_updates():
    record, swa = Record(), StochasticWeightAveraging(1, every=3)
    made = train([record, swa])
    # Updates 6, 9, 12 and 15 are in the epochs from the second on.
    assert swa.count == 4
    assert_close(made.get_weights(), means([record.updates[i - 1] for i in (6, 9, 12, 15)]))


def batch_norm_model():
    return model(keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization())


@pytest.mark.parametrize("kind", ["array", "dataset", "pydataset"])
def test_batch_statistics_are_the_means_over_the_batches(kind):
    x, y = data()

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return x[8 * i : 8 * i + 8], y[8 * i : 8 * i + 8]

    given = {
        "array": x,
        "dataset": tf.data.Dataset.from_tensor_slices((x, y)).batch(8),
        "pydataset": Batches(),
    }
    swa = StochasticWeightAveraging(0, data=given[kind], batch_size=8)
    made = train(swa, made=batch_norm_model())
    dense, norm = made.layers[:2]
    hidden = [np.asarray(dense(x[i : i + 8]), "float64") for i in range(0, 40, 8)]
    np.testing.assert_allclose(norm.moving_mean, np.mean([h.mean(0) for h in hidden], 0), 1e-5)
    np.testing.assert_allclose(norm.moving_variance, np.mean([h.var(0) for h in hidden], 0), 1e-4)
    assert norm.momentum == 0.99


def test_recalibration_changes_nothing_else():
    layers = [keras.layers.Dense(6), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    a, b = model(*layers), None
    swa = StochasticWeightAveraging(0, data=data()[0])
    swa.set_model(a)
    swa.on_train_begin()
    swa.on_epoch_end(0, {})
    seeds = [v for v in a.variables if "seed" in v.path]
    before = [v.numpy() for v in [*seeds, *a.trainable_variables]]
    swa.on_train_end()
    b = [v.numpy() for v in [*seeds, *a.trainable_variables]]
    for u, v in zip(before, b, strict=True):
        np.testing.assert_array_equal(u, v)


def test_without_data_batch_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"Give `data`.*recalibrate=False"):
        train(StochasticWeightAveraging(), made=batch_norm_model())
    train(StochasticWeightAveraging(0, recalibrate=False), made=batch_norm_model())


def test_two_that_put_weights_into_the_model_are_refused():
    early = keras.callbacks.EarlyStopping(restore_best_weights=True)
    for loop in ("fit", "step"):
        with pytest.raises(ValueError, match="WeightAveraging and EarlyStopping both put"):
            train([StochasticWeightAveraging(), early], loop)
    with pytest.raises(ValueError, match="both put weights into the model when training ends"):
        train([StochasticWeightAveraging(), StochasticWeightAveraging()])
    train([StochasticWeightAveraging(), keras.callbacks.EarlyStopping()], "step")


def test_kept_over_a_run_that_is_broken_off(tmp_path):
    def job(run, breaks_in=None):
        x, y = data()
        made, swa = model(), StochasticWeightAveraging(1)
        options = {"epochs": 5, "batch_size": 8, "verbose": 0, "seed": 0, "run": tmp_path / run}
        mk.fit(made, x, y, callbacks=[swa, Breaks(breaks_in)], **options)
        return [swa.count, *made.get_weights()]

    with pytest.raises(RuntimeError, match="broken"):
        job("a", breaks_in=3)
    for resumed, whole in zip(job("a"), job("b"), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_says_what_it_did(capsys):
    train(StochasticWeightAveraging(1, data=data()[0], verbose=1), made=batch_norm_model())
    assert capsys.readouterr().out == (
        "StochasticWeightAveraging: the model has the mean of 2 weights, "
        "batch statistics of 2 batches.\n"
    )
    train(StochasticWeightAveraging(9, verbose=1))
    assert "averaged nothing: training ended before epoch 10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"start": 1.0}, ValueError, "start=1.0"),
        ({"start": -1}, ValueError, "start=-1"),
        ({"every": 0}, ValueError, "every=0"),
        ({"recalibrate": 1}, TypeError, "recalibrate=1"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        StochasticWeightAveraging(**kwargs)

"""Plain model.fit, broken off anywhere, ends in the same bits."""

import os
import signal
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_subjects import compiled, digits_like, state

import mlkit as mk
from mlkit.callbacks import Resume
from mlkit.testing import CallbackSpec

X, Y = digits_like()
FIVE_BATCHES = tf.data.Dataset.from_tensor_slices((np.zeros((40, 4), "float32"), [0] * 40)).batch(8)


RUN = tempfile.mkdtemp()
SPECS = [
    CallbackSpec(
        Resume,
        kwargs={"run": RUN, "data": FIVE_BATCHES, "every": 2, "keep": 2, "resume": "must"},
        excuse={
            name: "a run directory and a data set belong to one job of one loop"
            for name in ("used_again", "ends_after_an_error")
        },
    )
]


class Break(keras.callbacks.Callback):
    """Breaks the run off after an update, by an error or a signal; counts its calls."""

    def __init__(self, update=None, number=None):
        super().__init__()
        self.update, self.number, self.calls = update, number, []

    def on_train_begin(self, logs=None):
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append((self.epoch, batch))
        if self.update == self.epoch * 5 + batch + 1:
            if self.number is None:
                raise KeyboardInterrupt
            os.kill(os.getpid(), self.number)


def fit(run, update=None, number=None, every=2, data=None, epochs=3):
    keras.utils.set_random_seed(1)  # layers take their seeds when they are made
    model = compiled(keras.layers.Dropout(0.3), keras.layers.BatchNormalization())
    if data is None:
        data = mk.data.pipeline((X, Y), 32, seed=4)
    stop = keras.callbacks.EarlyStopping("loss", patience=5)
    watch = Break(update, number)
    callbacks = [stop, Resume(run, data, every), watch]
    history = model.fit(
        data,
        epochs=epochs,
        verbose=0,
        shuffle=False,
        validation_data=(X[:40], Y[:40]),
        callbacks=callbacks,
        steps_per_epoch=5 if int(data.cardinality()) < 0 else None,
    )
    return (state(model).tolist(), history.history, history.epoch, stop.best, stop.wait), watch


@pytest.mark.parametrize("update", [1, 3, 5, 7, 9, 14])
def test_a_broken_fit_ends_in_the_same_bits(tmp_path, update):
    whole, _ = fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "a", update)
    again, watch = fit(tmp_path / "a")
    assert again == whole
    first = (update - 1) // 2 * 2  # a save is made when the next step begins
    assert [e * 5 + b for e, b in watch.calls] == list(range(first, 15))


def test_a_data_set_with_an_end(tmp_path):
    def data():
        return tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)

    whole, _ = fit(tmp_path / "whole", data=data())
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "a", 8, data=data())
    assert fit(tmp_path / "a", data=data())[0] == whole


def test_a_signal_saves_after_the_running_step(tmp_path):
    whole, _ = fit(tmp_path / "whole", every=None)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path / "a", 7, signal.SIGTERM, every=None)
    assert ended.value.code == 128 + signal.SIGTERM
    assert mk.training.Checkpointer(tmp_path / "a" / "checkpoints").load().update == 7
    assert fit(tmp_path / "a", every=None)[0] == whole
    assert signal.getsignal(signal.SIGTERM) in (before, signal.SIG_DFL)


def test_a_finished_fit_is_not_trained_again(tmp_path):
    first, _ = fit(tmp_path / "a")
    again, watch = fit(tmp_path / "a")
    assert again == first
    assert not watch.calls


def test_what_cannot_be_resumed_is_refused(tmp_path):
    data = tf.data.Dataset.range(8).map(lambda i: (tf.random.uniform([12]), 0)).batch(2)
    with pytest.raises(ValueError, match=r"tf\.random\.uniform"):
        Resume(tmp_path, data)
    with pytest.raises(ValueError, match=r"`Dataset.shuffle` cannot be resumed inside model.fit"):
        Resume(tmp_path, tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(9, seed=1).batch(32))
    endless = mk.data.pipeline((X, Y), 32)
    with pytest.raises(ValueError, match="know the length of an epoch"):
        compiled().fit(
            endless.take(3), shuffle=False, verbose=0, callbacks=[Resume(tmp_path, endless.take(4))]
        )
    with pytest.raises(ValueError, match="`every` must be"):
        Resume(tmp_path, endless, every=0)


def test_in_our_loop_it_means_run(tmp_path):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    mk.fit(compiled(), data, epochs=2, verbose=0, callbacks=[Resume(tmp_path, data, 2)])
    saved = mk.training.Checkpointer(tmp_path / "checkpoints").folders()
    assert [update for update, _ in saved] == [6, 8, 10]
    with pytest.raises(ValueError, match="Give `run` or the callback Resume, not both"):
        mk.fit(compiled(), data, verbose=0, run="a", callbacks=[Resume(tmp_path, data, 2)])

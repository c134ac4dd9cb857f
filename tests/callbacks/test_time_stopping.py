import time

import keras
import numpy as np
import pytest
from callback_subjects import data, model

import mlkit as mk
from mlkit.callbacks import TimeStopping
from mlkit.testing import CallbackSpec

SPECS = [
    CallbackSpec(
        TimeStopping,
        kwargs={"seconds": 1000.0, "verbose": 1, "deadline": 1.0},
        observe=lambda callback: callback.stopped_epoch,
    )
]


class Count(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


class Clock:
    """Time that passes by one second a look."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += 1
        return self.now


def fit(callback, epochs=5):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, count = np.zeros((40, 2), "float32"), Count()
    history = model.fit(
        x, x[:, :1], batch_size=4, epochs=epochs, verbose=0, callbacks=[callback, count]
    )
    return len(history.epoch), count.batches


def test_stops_in_the_middle_of_an_epoch(monkeypatch):
    monkeypatch.setattr(time, "monotonic", Clock())
    stop = TimeStopping(seconds=14)
    # Looks: one at the beginning, ten batches and one at the end of the epoch, then three more.
    assert fit(stop) == (2, 13)
    assert stop.stopped_epoch == 1


def test_a_deadline_stops_too(capsys):
    stop = TimeStopping(verbose=1, deadline=time.time() - 1)
    assert fit(stop) == (1, 1)
    said = capsys.readouterr().out
    assert said.startswith("TimeStopping: stopped in epoch 1 after 0:00:0")
    assert "seconds=86400, deadline " in said


def test_does_nothing_before_its_time(capsys):
    stop = TimeStopping(seconds=1000, verbose=1, deadline=time.time() + 1000)
    assert fit(stop) == (5, 50)
    assert stop.stopped_epoch is None
    assert capsys.readouterr().out == ""


def test_each_fit_has_its_own_time(monkeypatch):
    monkeypatch.setattr(time, "monotonic", Clock())
    stop = TimeStopping(seconds=5)
    assert fit(stop) == fit(stop) == (1, 5)


def test_a_resumed_run_has_what_is_left_of_its_time(monkeypatch, tmp_path):
    monkeypatch.setattr(time, "monotonic", Clock())
    first, then = TimeStopping(seconds=50), TimeStopping(seconds=50)
    first.on_train_begin()
    time.monotonic.now += 30
    then.on_train_begin()
    then.set_state(first.get_state())
    assert 30 < then.get_state()["seconds"] < 40
    time.monotonic.now += 20
    then.set_model(keras.Sequential([keras.layers.Dense(1)]))
    then.on_train_batch_end(0)
    assert then.stopped_epoch == 0


def run(directory, *callbacks, **options):
    keras.utils.set_random_seed(1)
    trainer = mk.Trainer(model(keras.layers.Dropout(0.3)), seed=3, execution="step")
    history = trainer.fit(
        *data(), batch_size=8, epochs=3, run=directory, verbose=0, callbacks=callbacks, **options
    )
    return [v.numpy().tobytes() for v in trainer.model.variables], history.history, history.epoch


@pytest.mark.parametrize("save_every", [2, None])
def test_a_run_whose_time_was_up_goes_on_in_the_same_bits(tmp_path, save_every):
    whole = run(tmp_path / "whole", TimeStopping(), save_every=save_every)
    for _ in range(3):  # blocks of two updates, or epochs
        part = run(tmp_path / "a", TimeStopping(deadline=1.0), save_every=save_every)
        assert len(part[2]) < 3 or save_every is None
    assert run(tmp_path / "a", TimeStopping(), save_every=save_every) == whole
    lines = (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3


def test_silent_by_default(capsys):
    fit(TimeStopping(seconds=1e-9))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"seconds": 0}, ValueError, r"`seconds` must be a number in \(0, inf\]. .*seconds=0"),
        ({"seconds": "1h"}, TypeError, r"seconds='1h'"),
        ({"verbose": 2}, ValueError, r"verbose=2"),
        ({"deadline": "noon"}, TypeError, r"deadline='noon'"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        TimeStopping(**kwargs)

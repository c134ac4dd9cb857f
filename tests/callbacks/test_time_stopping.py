import time

import keras
import numpy as np
import pytest

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

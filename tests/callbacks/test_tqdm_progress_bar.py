import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import LOOPS, data, model, train

from mlkit.callbacks import TQDMProgressBar
from mlkit.testing import CallbackSpec
from mlkit.training._callbacks import wants_every_batch

SPECS = [
    CallbackSpec(
        TQDMProgressBar,
        kwargs={
            "metrics_separator": " | ",
            "overall_bar_format": "{n_fmt}/{total_fmt}",
            "epoch_bar_format": "{n_fmt}/{total_fmt} {desc}",
            "metrics_format": "{name}={value:0.3f}",
            "update_per_second": 5,
            "leave_epoch_progress": False,
            "leave_overall_progress": False,
            "show_epoch_progress": False,
            "show_overall_progress": False,
        },
        observe=lambda callback: callback.metrics_text,
    )
]


def lines(capsys):
    out = capsys.readouterr()
    return [line.rpartition("\r")[2].strip() for line in (out.err + out.out).split("\n")]


@pytest.mark.parametrize("loop", LOOPS)
def test_an_epoch_ends_with_all_its_batches_and_metrics(loop, capsys):
    bar = TQDMProgressBar(epoch_bar_format="{n_fmt}/{total_fmt}: {desc}")
    train(bar, loop, epochs=2)
    shown = lines(capsys)
    assert sum(line.startswith("5/5: ") and "val_loss: " in line for line in shown) == 2
    assert any(line.startswith("Training: 100%") for line in shown)
    assert "Epoch 2/2" in shown


def test_metrics_are_those_of_the_logs():
    class Last(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.logs = logs

    last = Last()
    bar = TQDMProgressBar(metrics_separator="|", metrics_format="{name}={value:.6f}")
    train([bar, last])
    assert bar.metrics_text == "|".join(f"{n}={v:.6f}" for n, v in last.logs.items())


# Keras says so at the end of the first epoch of any dataset whose length it does not know.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_unknown_number_of_steps_is_known_in_the_second_epoch(capsys):
    x, y = data()
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).filter(lambda *_: True)
    bar = TQDMProgressBar(epoch_bar_format="{n_fmt}/{total_fmt}:{desc}")
    model().fit(batches, epochs=2, shuffle=False, verbose=0, callbacks=[bar])
    shown = lines(capsys)
    assert sum(line.startswith("5/5:") for line in shown) == 2


def test_a_stopped_run_closes_its_bars(capsys):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("broken")

    bar = TQDMProgressBar()
    with pytest.raises(RuntimeError, match="broken"):
        train([bar, Breaks()], "epoch")
    assert bar._overall is None
    assert bar._bar is None
    early = keras.callbacks.EarlyStopping("loss", mode="max", patience=0)
    train([TQDMProgressBar(), early], "epoch", epochs=50)
    assert "1/50" in capsys.readouterr().err


def test_evaluate_has_a_bar(capsys):
    x, y = data()
    bar = TQDMProgressBar(epoch_bar_format="{n_fmt}/{total_fmt}: {desc}")
    model().evaluate(x, y, batch_size=8, verbose=0, callbacks=[bar])
    assert any(line.startswith("5/5: ") and "loss" in line for line in lines(capsys))


def test_a_metric_of_several_values_is_left_out():
    bar = TQDMProgressBar()
    bar._finish_bar({"loss": 0.5, "f1": np.ones(3)})
    assert bar.metrics_text == "loss: 0.5000"


def test_no_block_is_cut_short_while_the_pace_is_unknown():
    bar = TQDMProgressBar()
    assert not wants_every_batch(bar)
    bar.on_train_begin()
    assert bar.next_update(0) is None


def test_the_pace_says_when_to_draw_again(monkeypatch):
    bar = TQDMProgressBar(update_per_second=4, show_overall_progress=False)
    bar.set_params({"epochs": 1, "steps": 10_000})
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    bar.on_train_begin()
    bar.on_epoch_begin(0)
    now[0] = 2.0
    bar.on_train_batch_end(999, {"loss": 1.0})
    assert bar.next_update(1000) == 1000 + 500 // 4
    bar.on_train_end()


def test_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"TQDMProgressBar needs tqdm.*mlkit-tf\[progress\]"):
        TQDMProgressBar()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"update_per_second": 0}, ValueError, "update_per_second=0"),
        ({"leave_epoch_progress": 1}, TypeError, "leave_epoch_progress=1"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        TQDMProgressBar(**kwargs)

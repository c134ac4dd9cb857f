import json
import os
import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, Breaks, data, model, train, values

import mlkit as mk
from mlkit.callbacks import TopKCheckpoint
from mlkit.testing import CallbackSpec

_FOLDER = tempfile.TemporaryDirectory()

SPECS = [
    CallbackSpec(
        TopKCheckpoint,
        kwargs={
            "directory": _FOLDER.name,
            "monitor": "val_accuracy",
            "mode": "max",
            "k": 1,
            "last": 2,
            "minutes": 1000.0,
            "weights_only": True,
            "background": True,
            "verbose": 1,
        },
        monitors="monitor",
        stateful=True,
        observe=lambda callback: [p.name for p in callback.paths],
    )
]


def files(folder):
    return sorted(p.name for p in folder.iterdir() if not p.is_dir())


def play(callback, losses, made=None):
    """The callback's hooks with made-up losses, one an epoch of ten updates."""
    callback.set_model(made if made is not None else model())
    callback.on_train_begin()
    go_on(callback, losses)


def go_on(callback, losses, first=0):
    for epoch, loss in enumerate(losses, first):
        callback.on_epoch_begin(epoch)
        callback.on_train_batch_end(9, {"loss": 0.0})
        callback.on_epoch_end(epoch, {"val_loss": loss})


def test_keeps_the_best_and_the_newest(tmp_path):
    keep = TopKCheckpoint(tmp_path, k=2, last=1, weights_only=True)
    play(keep, [3.0, 1.0, 2.0, 4.0, 5.0, float("nan")])
    assert files(tmp_path) == [
        "epoch-0002.weights.h5", "epoch-0003.weights.h5", "epoch-0006.weights.h5", "index.json"
    ]  # fmt: skip
    assert [(v, p.name) for v, p in keep.best] == [
        (1.0, "epoch-0002.weights.h5"),
        (2.0, "epoch-0003.weights.h5"),
    ]
    index = json.loads((tmp_path / "index.json").read_text())
    assert [(r["epoch"], r["update"]) for r in index] == [(1, 20), (2, 30), (5, 60)]


def test_what_is_not_among_them_is_not_written(tmp_path):
    keep = TopKCheckpoint(tmp_path, k=1, last=0, weights_only=True)
    play(keep, [1.0, 2.0])
    assert files(tmp_path) == ["epoch-0001.weights.h5", "index.json"]
    keep = TopKCheckpoint(tmp_path / "b", "acc", k=1, last=0, weights_only=True)
    keep.set_model(model())
    keep.on_train_begin()
    for epoch, value in enumerate([0.1, 0.9, 0.5]):
        keep.on_epoch_end(epoch, {"acc": value})
    assert files(tmp_path / "b") == ["epoch-0002.weights.h5", "index.json"]


@pytest.mark.parametrize("loop", LOOPS)
def test_the_file_is_the_model_after_the_epoch(loop, tmp_path):
    keep = TopKCheckpoint(tmp_path, "loss", k=1, last=1)
    made = train(keep, loop)
    loaded = keras.saving.load_model(keep.paths[-1])
    for mine, saved in zip(values(made), values(loaded), strict=True):
        np.testing.assert_array_equal(mine, saved)


def test_in_the_background_the_values_are_those_of_the_moment(tmp_path):
    made = model(keras.layers.Dense(300), keras.layers.Dense(300))
    keep = TopKCheckpoint(tmp_path, k=0, last=1, background=True)
    keep.set_model(made)
    keep.on_train_begin()
    before = made.get_weights()
    keep.on_epoch_end(0, {"val_loss": 1.0})
    made.set_weights([w + 1 for w in before])
    keep.on_train_end()
    loaded = keras.saving.load_model(tmp_path / "epoch-0001.keras")
    for mine, saved in zip(before, loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, saved)


def test_an_error_in_the_background_is_raised(tmp_path, monkeypatch):
    keep = TopKCheckpoint(tmp_path, background=True, weights_only=True)
    made = model()

    def full(self, path):
        raise OSError(28, "no space")

    monkeypatch.setattr(type(made), "save_weights", full)
    keep.set_model(made)
    keep.on_train_begin()
    keep.on_epoch_end(0, {"val_loss": 1.0})
    with pytest.raises(OSError, match="no space"):
        keep.on_epoch_end(1, {"val_loss": 1.0})
    assert files(tmp_path) == []


def test_saves_by_the_clock(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    keep = TopKCheckpoint(tmp_path, k=0, last=2, minutes=1, weights_only=True)
    keep.set_model(model())
    keep.on_train_begin()
    keep.on_epoch_begin(0)
    for batch in range(10):
        now[0] += 25
        keep.on_train_batch_end(batch, {})
    # After 75, 150 and 225 seconds; two of the three are kept.
    assert [p.name for p in keep.paths] == [
        "update-0000006.weights.h5",
        "update-0000009.weights.h5",
    ]


def test_a_resumed_run_goes_on_with_its_files(tmp_path):
    first = TopKCheckpoint(tmp_path, k=1, last=1, weights_only=True)
    play(first, [1.0, 3.0])
    again = TopKCheckpoint(tmp_path, k=1, last=1, weights_only=True)
    again.set_model(model())
    again.on_train_begin()
    again.set_state(json.loads(json.dumps(first.get_state())))
    go_on(again, [2.0, 4.0], first=2)
    assert files(tmp_path) == ["epoch-0001.weights.h5", "epoch-0004.weights.h5", "index.json"]
    assert again.best[0][0] == 1.0


def test_kept_over_a_run_that_is_broken_off(tmp_path):
    def job(breaks_in=None):
        x, y = data()
        keep = TopKCheckpoint(tmp_path / "models", k=2, last=1, weights_only=True)
        mk.fit(
            model(), x, y, epochs=5, batch_size=8, validation_data=(x, 2 - y), verbose=0, seed=0,
            run=tmp_path / "run", callbacks=[keep, Breaks(breaks_in)],
        )  # fmt: skip
        return keep

    with pytest.raises(RuntimeError, match="broken"):
        job(breaks_in=3)
    keep = job()
    # The validation loss only rises: the first two are the best.
    assert [p.name for _, p in keep.best] == ["epoch-0001.weights.h5", "epoch-0002.weights.h5"]
    assert "earlier-1" not in os.listdir(tmp_path / "models")


def test_an_earlier_run_is_moved_and_not_overwritten(tmp_path):
    for _ in range(2):
        play(TopKCheckpoint(tmp_path, k=1, last=0, weights_only=True), [1.0])
    assert files(tmp_path) == files(tmp_path / "earlier-1")


def test_a_crash_leaves_whole_files(tmp_path):
    script = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from callback_subjects import train\nimport mlkit as mk\n"
        f"train(mk.callbacks.TopKCheckpoint({str(tmp_path)!r}, k=0, last=1))\n"
    )
    env = {**os.environ, "MLKIT_FAILPOINT": "before-replace"}
    done = subprocess.run([sys.executable, "-c", script], env=env, timeout=120)
    assert done.returncode == 70
    assert not [name for name in files(tmp_path) if not name.startswith(".")]


def test_says_what_it_did(tmp_path, capsys):
    play(TopKCheckpoint(tmp_path, k=1, last=0, weights_only=True, verbose=1), [2.0, 1.0])
    assert capsys.readouterr().out.splitlines()[-1] == (
        "TopKCheckpoint: saved epoch-0002.weights.h5 (val_loss 1), removed epoch-0001.weights.h5."
    )


def test_a_metric_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"monitor='val_acc', which is not reported.*val_loss"):
        play(TopKCheckpoint(tmp_path, "val_acc"), [1.0])
    with pytest.warns(UserWarning, match="Give `validation_data`"):
        train(TopKCheckpoint(tmp_path, last=1), validation_data=None)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"k": -1}, ValueError, "k=-1"),
        ({"k": 0, "last": 0}, ValueError, "must not both be 0"),
        ({"minutes": 0}, ValueError, "minutes=0"),
        ({"monitor": "val_reward"}, ValueError, r"cannot tell whether a larger 'val_reward'"),
        ({"mode": "best"}, ValueError, "mode='best'"),
    ],
)
def test_wrong_arguments(kwargs, error, message, tmp_path):
    with pytest.raises(error, match=message):
        TopKCheckpoint(tmp_path, **kwargs)

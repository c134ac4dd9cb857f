import tempfile

import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, Breaks, data, model, train

import mlkit as mk
from mlkit.callbacks import SnapshotEnsemble
from mlkit.testing import CallbackSpec

_FOLDER = tempfile.TemporaryDirectory()

SPECS = [
    CallbackSpec(
        SnapshotEnsemble,
        kwargs={
            "directory": _FOLDER.name, "cycle": 3, "growth": 1.5, "last": 2, "weights_only": True,
            "verbose": 1,
        },
        stateful=True,
        observe=lambda c: [path.name for path in c.paths],
    )
]  # fmt: skip


class Record(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights = {}

    def on_train_batch_end(self, batch, logs=None):
        self.weights[int(self.model.optimizer.iterations)] = self.model.get_weights()


def test_a_file_at_the_end_of_each_cycle(tmp_path):
    record, snapshots = Record(), SnapshotEnsemble(tmp_path, 3, growth=1.5)
    made = train([record, snapshots])
    # Cycles of 3, 4 (4.5 rounded to even), 7 (6.75): they end at 3, 7 and 14 of 15 updates.
    names = [f"cycle-000{i}.keras" for i in (1, 2, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert [path.name for path in snapshots.paths] == names
    for path, update in zip(snapshots.paths, (3, 7, 14), strict=True):
        loaded = keras.saving.load_model(path)
        for a, b in zip(loaded.get_weights(), record.weights[update], strict=True):
            np.testing.assert_array_equal(a, b)
    x, _ = data()
    found, due = snapshots.predict(x), []
    for update in (3, 7, 14):
        made.set_weights(record.weights[update])
        due.append(made.predict(x, verbose=0))
    np.testing.assert_allclose(found, np.mean(due, 0), rtol=1e-6)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_ends_are_the_same_in_every_loop(loop, tmp_path):
    snapshots = SnapshotEnsemble(tmp_path, 4, weights_only=True, last=2)
    made = train(snapshots, loop)
    names = ["cycle-0002.weights.h5", "cycle-0003.weights.h5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert snapshots.update == int(made.optimizer.iterations) == 15
    assert snapshots.predict(data()[0]).shape == (40, 3)


@pytest.mark.parametrize("growth", [1.0, 2.0])
def test_the_cycles_are_those_of_the_schedule(growth):
    rate = mk.optimizers.schedules.CosineWithWarmupRestarts(1.0, 7, t_mul=growth)
    rates = np.array([float(rate(step)) for step in range(60)])
    starts = [step for step in range(1, 60) if rates[step] > rates[step - 1]]
    snapshots, update, ends = SnapshotEnsemble("unused", 7, growth=growth), 0, []
    while (update := snapshots.next_update(update)) < 60:
        ends.append(update)
    assert ends == starts


def test_kept_over_a_run_that_is_broken_off(tmp_path):
    def job(run, breaks_in=None):
        snapshots = SnapshotEnsemble(tmp_path / f"{run} models", 3)
        options = {"epochs": 4, "batch_size": 8, "verbose": 0, "seed": 0, "run": tmp_path / run}
        mk.fit(model(), *data(), callbacks=[snapshots, Breaks(breaks_in)], **options)
        return snapshots

    with pytest.raises(RuntimeError, match="broken"):
        job("a", breaks_in=2)
    resumed, whole = job("a"), job("b")
    assert [p.name for p in resumed.paths] == [p.name for p in whole.paths]
    assert len(whole.paths) == 6
    np.testing.assert_array_equal(resumed.predict(data()[0]), whole.predict(data()[0]))


def test_without_a_snapshot_there_is_no_prediction(tmp_path):
    snapshots = SnapshotEnsemble(tmp_path, 100)
    train(snapshots)
    with pytest.raises(ValueError, match="before the first cycle of 100 updates was over"):
        snapshots.predict(data()[0])


def test_says_what_it_did(tmp_path, capsys):
    train(SnapshotEnsemble(tmp_path, 7, last=1, verbose=1))
    assert capsys.readouterr().out.splitlines() == [
        "SnapshotEnsemble: saved cycle-0001.keras after update 7.",
        "SnapshotEnsemble: saved cycle-0002.keras after update 14, removed cycle-0001.keras.",
    ]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"cycle": 0}, ValueError, "cycle=0"),
        ({"cycle": 1, "growth": 0.5}, ValueError, "growth=0.5"),
        ({"cycle": 1, "last": 0}, ValueError, "last=0"),
        ({"cycle": 1, "weights_only": 1}, TypeError, "weights_only=1"),
    ],
)
def test_wrong_arguments(kwargs, error, message, tmp_path):
    with pytest.raises(error, match=message):
        SnapshotEnsemble(tmp_path, **kwargs)

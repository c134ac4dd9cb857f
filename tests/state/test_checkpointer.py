"""Checkpoints: whole or not there, verified before use, kept by the rule."""

import ast
import errno
import os
import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

import mlkit as mk
from mlkit._state import files, manifest


def variables(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "kernel": keras.Variable(rng.normal(size=(5, 3)).astype("float32")),
        "steps": keras.Variable(rng.integers(0, 99), dtype="int64", trainable=False),
        "half": keras.Variable(rng.normal(size=(4,)), dtype="bfloat16"),
    }


def values(variables):
    return {key: np.array(v.numpy()) for key, v in variables.items()}


def assert_same(variables, expected):
    for key, value in expected.items():
        np.testing.assert_array_equal(variables[key].numpy(), value)


def updates(checkpoints):
    return [update for update, _ in checkpoints.folders()]


def test_what_is_restored_is_what_was_saved(tmp_path):
    first, second = variables(0), variables(1)
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.save(7, first, facts={"epoch": 2})
    assert checkpoints.restore(second) == {"epoch": 2}
    assert_same(second, values(first))


def test_an_empty_directory_restores_nothing(tmp_path):
    mine = variables()
    before = values(mine)
    assert mk.training.Checkpointer(tmp_path / "new").restore(mine) is None
    assert_same(mine, before)


def test_kept_are_the_last_the_best_and_every_so_many(tmp_path):
    checkpoints = mk.training.Checkpointer(
        tmp_path, keep=2, keep_best="val_loss", mode="min", keep_every=50
    )
    for update, loss in zip(range(10, 101, 10), [5, 4, 1, 3, 6, 7, 8, 9, 9, 9], strict=True):
        checkpoints.save(update, variables(), metrics={"val_loss": loss})
    assert updates(checkpoints) == [30, 50, 90, 100]
    assert checkpoints.best() == 30


def test_the_best_k_are_kept_also_by_a_new_process(tmp_path):
    options = {"keep": 1, "keep_best": "f1", "mode": "max", "best_count": 2}
    for update, value in enumerate([0.1, 0.9, 0.3, 0.8, float("nan"), 0.2], 1):
        mk.training.Checkpointer(tmp_path, **options).save(
            update, variables(), metrics={"f1": value}
        )
    checkpoints = mk.training.Checkpointer(tmp_path, **options)
    assert updates(checkpoints) == [2, 4, 6]
    assert checkpoints.best() == 2


def test_a_snapshot_does_not_follow_the_variable(tmp_path):
    mine = variables()
    before = values(mine)
    checkpoints = mk.training.Checkpointer(tmp_path, background=True)
    checkpoints.save(1, mine)
    for v in mine.values():
        v.assign_add(keras.ops.ones_like(v))
    checkpoints.wait()
    checkpoints.restore(mine)
    assert_same(mine, before)


def test_facts_do_not_follow_what_they_were_given(tmp_path, monkeypatch):
    """The history of a run grows while its checkpoint is being written."""
    go_on = threading.Event()
    write = manifest.write

    def late(*args):
        go_on.wait()
        write(*args)

    monkeypatch.setattr(manifest, "write", late)
    facts = {"epochs": [0], "history": {"loss": [1.0]}}
    checkpoints = mk.training.Checkpointer(tmp_path, background=True)
    checkpoints.save(1, variables(), facts=facts)
    facts["epochs"].append(1)
    facts["history"]["loss"].append(0.5)
    go_on.set()
    checkpoints.wait()
    assert checkpoints.load().facts["user"] == {"epochs": [0], "history": {"loss": [1.0]}}


def test_other_variables_are_refused_and_none_is_changed(tmp_path):
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.save(1, variables(0))
    other = variables(1)
    other["bias"] = other.pop("half")
    before = values(other)
    with pytest.raises(ValueError, match=r"Not in it: \['bias'\].*Only in it: \['half'\]"):
        checkpoints.restore(other)
    wider = {**variables(1), "kernel": keras.Variable(np.zeros((5, 4), "float32"))}
    with pytest.raises(ValueError, match=r"kernel: \(5, 4\) here, \(5, 3\) saved"):
        checkpoints.restore(wider)
    assert_same(other, before)


def damage(folder, rng):
    """One random fault in one random file of a checkpoint."""
    path = rng.choice(sorted(p for p in folder.rglob("*") if p.is_file()))
    data = bytearray(path.read_bytes())
    kind = rng.choice(["flip", "truncate", "delete", "empty", "swap"])
    if kind == "flip":
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "truncate":
        del data[rng.randrange(len(data)) :]
    elif kind == "empty":
        data.clear()
    elif kind == "swap":
        data.reverse()
    if kind == "delete":
        path.unlink()
    else:
        path.write_bytes(bytes(data))
    return f"{kind} {path.name}"


def test_damage_is_found_and_the_checkpoint_before_is_used(tmp_path):
    rng = random.Random(0)
    old, new = variables(0), variables(1)
    for case in range(60):
        folder = tmp_path / str(case)
        checkpoints = mk.training.Checkpointer(folder)
        checkpoints.save(1, old)
        checkpoints.save(2, new)
        what = damage(folder / "checkpoint-0000000002", rng)
        mine = variables(2)
        with pytest.warns(UserWarning, match=r"checkpoint-0000000002 is damaged") as said:
            checkpoints.restore(mine)
        assert said, what
        assert_same(mine, values(old))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_leaves_what_was_there(tmp_path, monkeypatch, error):
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.save(1, variables(0))

    def fail(path):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(files, "sync", fail)
    with pytest.raises(OSError, match=r"update 2 cannot be written.*Earlier checkpoints are as"):
        checkpoints.save(2, variables(1))
    monkeypatch.undo()
    mine = variables(2)
    checkpoints.restore(mine)
    assert_same(mine, values(variables(0)))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-0000000001"]


def test_an_error_in_the_background_is_raised_by_the_next_save(tmp_path, monkeypatch):
    checkpoints = mk.training.Checkpointer(tmp_path, background=True)

    def fail(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "sync", fail)
    checkpoints.save(1, variables())
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(2, variables())


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["before-manifest", "before-sync", "before-rename", "after-rename", "half-removed"]
)
def test_a_crash_at_any_point_of_a_save_leaves_a_good_checkpoint(tmp_path, point):
    script = """
        import os, sys, keras, mlkit as mk
        w = keras.Variable([1.0, 2.0])
        checkpoints = mk.training.Checkpointer(sys.argv[1], keep=1)
        checkpoints.save(1, {"w": w})
        w.assign([3.0, 4.0])
        os.environ["MLKIT_FAILPOINT"] = sys.argv[2]
        checkpoints.save(2, {"w": w})
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), point]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 70
    w = keras.Variable([0.0, 0.0])
    checkpoints = mk.training.Checkpointer(tmp_path)
    checkpoints.restore({"w": w})
    renamed = point in ("after-rename", "half-removed")
    assert w.numpy().tolist() == ([3.0, 4.0] if renamed else [1.0, 2.0])
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("argument", "value"), [("keep", 0), ("keep_every", 0), ("best_count", 0), ("mode", "best")]
)
def test_impossible_arguments(tmp_path, argument, value):
    with pytest.raises(ValueError, match=argument):
        mk.training.Checkpointer(tmp_path, **{argument: value})


def test_nothing_of_a_checkpoint_can_be_executed():
    dangerous = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "eval", "exec", "yaml"}
    for path in Path(files.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = {alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")}
            names |= {getattr(node, "id", None), getattr(node, "module", None)}
            names |= {k.arg for k in getattr(node, "keywords", []) if k.arg == "allow_pickle"}
            assert not names & {*dangerous, "allow_pickle"}, f"{path.name}:{node.lineno}"

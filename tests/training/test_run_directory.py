"""A run directory that is none, is damaged, newer, read-only or half deleted: a clear sentence."""

import errno
import json
import os
import shutil
import signal
import time

import keras
import pytest
from loop_subjects import compiled, digits_like

import mlkit as mk
from mlkit._state import files, manifest

X, Y = digits_like()


def fit(run, epochs=3, **kwargs):
    trainer = mk.Trainer(compiled(), seed=3, execution="step")
    return trainer.fit(X, Y, epochs=epochs, run=run, verbose=0, **kwargs)


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(run, match, error=ValueError, **kwargs):
    """The run is refused with this sentence, and no file of it is changed."""
    before = tree(run)
    with pytest.raises(error, match=match):
        fit(run, **kwargs)
    assert tree(run) == before


def checkpoints(run):
    return sorted((run / "checkpoints").iterdir())


def test_a_directory_of_other_things(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    refused(tmp_path, r"is not a run directory: it holds \['thesis.tex'\]")


def test_a_run_whose_checkpoints_are_gone(tmp_path):
    fit(tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "checkpoints")
    refused(tmp_path / "a", "has metrics but no directory 'checkpoints': it was deleted in part")
    fit(tmp_path / "a", resume="never")
    assert (tmp_path / "a" / "metrics.jsonl.1").exists()


def test_a_run_without_a_good_checkpoint(tmp_path):
    fit(tmp_path / "a")
    for folder in checkpoints(tmp_path / "a"):
        (folder / "variables.bin").write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged"):
        refused(tmp_path / "a", "None of the 3 checkpoints in .* is good. Nothing was changed")
    with pytest.warns(UserWarning, match="is damaged"):
        refused(tmp_path / "a", "None of the 3", resume="must")
    fit(tmp_path / "a", resume="never")
    assert len(list((tmp_path / "a" / "checkpoints.1").iterdir())) == 3


def test_a_run_of_a_newer_version(tmp_path):
    fit(tmp_path / "a")
    path = checkpoints(tmp_path / "a")[-1] / "manifest.json"
    body = json.loads(path.read_text())["body"] | {"format": manifest.FORMAT + 1}
    path.write_text(json.dumps({"body": body, "sha256": manifest._digest(body)}))
    refused(tmp_path / "a", "is of a newer version of mlkit: it has format 2, .* Update mlkit")


def test_a_directory_that_cannot_be_written_to(tmp_path, monkeypatch):
    fit(tmp_path / "a")
    # The tests may be run by root, who can write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(tmp_path / "a", "the directory .*a cannot be written to", error=PermissionError)


def test_a_disk_that_fills_up_is_told_at_the_next_block(tmp_path, monkeypatch):
    class Fills(keras.callbacks.Callback):
        """The disk is full from the eighth update on; the save at it has failed after it."""

        full = False

        def on_train_batch_end(self, batch, logs=None):
            if self.full and batch == 2:
                self.before = tree(tmp_path / "a" / "checkpoints")
                monkeypatch.setattr(files, "sync", no_space)
            self.batch = batch
            time.sleep(0.2)

    def no_space(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fit(tmp_path / "a", 1, save_every=2, callbacks=[Fills()])
    full = Fills()
    full.full = True
    with pytest.raises(OSError, match=r"update 8 cannot be written .* Earlier checkpoints are as"):
        fit(tmp_path / "a", 9, save_every=2, callbacks=[full])
    assert full.batch == 3  # of the second epoch: update 9
    monkeypatch.undo()
    assert tree(tmp_path / "a" / "checkpoints") == full.before
    whole = fit(tmp_path / "whole", 3, save_every=2, callbacks=[Fills()])
    again = fit(tmp_path / "a", 3, save_every=2, callbacks=[Fills()])
    assert again.history == whole.history


def test_a_lock_of_a_process_on_another_host(tmp_path):
    fit(tmp_path / "a")
    (tmp_path / "a" / "lock").write_text('{"pid": 1, "host": "another"}')
    refused(tmp_path / "a", "is in use by process 1 on another", error=RuntimeError)


def test_a_lock_that_was_torn_by_a_crash(tmp_path):
    fit(tmp_path / "a")
    (tmp_path / "a" / "lock").write_text('{"pid":')
    fit(tmp_path / "a")
    assert not (tmp_path / "a" / "lock").exists()


def test_kept_are_the_last_the_best_and_every_so_many(tmp_path):
    history = fit(tmp_path, 6, keep=1, keep_best="accuracy", keep_every=15)
    kept = {int(folder.name[-10:]) for folder in checkpoints(tmp_path)}
    best = history["accuracy"].index(max(history["accuracy"])) * 5 + 5
    assert kept == {30, 15, best}


class Sends(keras.callbacks.Callback):
    """Sends a signal to this process at the begin of the third batch."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_within_a_block(tmp_path, number):
    before = signal.getsignal(number)
    error = KeyboardInterrupt if number == signal.SIGINT else SystemExit
    with pytest.raises(error) as raised:
        fit(tmp_path / "a", callbacks=[Sends(number)])
    if number != signal.SIGINT:
        assert raised.value.code == 128 + number
    assert signal.getsignal(number) is before
    saved = mk.training.Checkpointer(tmp_path / "a" / "checkpoints").load()
    assert saved.facts["user"]["position"] == {"epoch": 0, "step": 3, "update": 3}


def test_the_last_validation_within_an_epoch_is_kept(tmp_path):
    validation = {"validation_data": (X[:40], Y[:40]), "validate_every": 4}
    whole = fit(tmp_path / "whole", 1, **validation)
    with pytest.raises(SystemExit):
        fit(tmp_path / "a", 1, **validation, callbacks=[AtEnd()])
    assert fit(tmp_path / "a", 1, **validation, callbacks=[AtEnd()]).history == whole.history


class AtEnd(keras.callbacks.Callback):
    """Ends the process's first run after the validation at update 4."""

    ended = False

    def on_test_end(self, logs=None):
        if not AtEnd.ended:
            AtEnd.ended = True
            os.kill(os.getpid(), signal.SIGTERM)

import errno
import json
import shlex
import subprocess
import sys

import numpy as np
import pytest
from command import start

from mlkit.cli import _quickstart, _quickstart_run, main


@pytest.fixture
def earlier(tmp_path):
    """A directory that an earlier quickstart has made."""
    folder = tmp_path / "quickstart"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"command": "mlkit quickstart"}))
    (folder / "model.keras").write_text("an earlier one")
    return folder


def no_run(folder, out):
    raise AssertionError("the run must not begin")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_it_trains_saves_and_loads_again(tmp_path):
    out = tmp_path / "first run"
    done = start("quickstart", "--out", str(out))
    assert done.returncode == 0, done.stderr + done.stdout
    said = done.stdout
    assert "the same 355 predictions, bit for bit" in said
    result = json.loads((out / "result.json").read_text())
    assert result["accuracy"] >= 0.97
    wanted = "config.json metrics.jsonl model.keras predictions.npy checkpoints saved_model"
    wanted += " tensorboard curves.png mistakes.png"
    assert set(wanted.split()) <= set(names(out))
    assert len((out / "metrics.jsonl").read_text().splitlines()) == _quickstart_run.EPOCHS
    assert np.load(out / "predictions.npy").shape == (355, 10)
    assert names(tmp_path) == ["first run"]
    # The second of the commands to try next, as it is printed.
    command = shlex.split(said.split("Try next:")[1].splitlines()[2])
    tried = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True, timeout=300
    )
    assert tried.returncode == 0, tried.stderr
    assert "accuracy" in tried.stdout


def test_an_existing_directory_is_left_as_it_is(earlier, monkeypatch, capsys):
    monkeypatch.setattr(_quickstart_run, "run", no_run)
    assert main(["quickstart", "--out", str(earlier)]) == 1
    assert "exists and is left as it is" in capsys.readouterr().err
    (earlier / "result.json").unlink()
    assert main(["quickstart", "--out", str(earlier), "--overwrite"]) == 1
    assert "was not made by an earlier quickstart" in capsys.readouterr().err
    file = earlier / "model.keras"
    assert main(["quickstart", "--out", str(file), "--overwrite"]) == 1
    assert file.read_text() == "an earlier one"
    assert names(earlier.parent) == ["quickstart"]


@pytest.mark.parametrize("passed", [True, False])
def test_overwrite_replaces_what_an_earlier_one_made(earlier, monkeypatch, capsys, passed):
    def complete(folder, out):
        (folder / "model.keras").write_text("a later one")
        return passed

    monkeypatch.setattr(_quickstart_run, "run", complete)
    assert main(["quickstart", "--out", str(earlier), "--overwrite"]) == (0 if passed else 1)
    assert (earlier / "model.keras").read_text() == "a later one"
    assert names(earlier) == ["model.keras"]
    assert names(earlier.parent) == ["quickstart"]
    assert ("Try next:" in capsys.readouterr().out) == passed


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left on the disk of"),
        (RuntimeError("write failed: No space left on device"), "no space is left on the disk of"),
        (OSError(errno.EROFS, "Read-only file system"), "written to: Read-only file system"),
    ],
)
def test_a_failing_disk_is_one_sentence_and_loses_nothing(
    earlier, monkeypatch, capsys, error, said
):
    def fail(folder, out):
        (folder / "model.keras").write_text("half of")
        raise error

    monkeypatch.setattr(_quickstart_run, "run", fail)
    assert main(["quickstart", "--out", str(earlier), "--overwrite"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert lines[0].endswith(f"{earlier} is as it was.")
    assert (earlier / "model.keras").read_text() == "an earlier one"
    assert names(earlier.parent) == ["quickstart"]


def test_another_error_is_not_swallowed(tmp_path, monkeypatch):
    def fail(folder, out):
        raise ValueError("a bug")

    monkeypatch.setattr(_quickstart_run, "run", fail)
    with pytest.raises(ValueError, match="a bug"):
        main(["quickstart", "--out", str(tmp_path / "x")])
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_quickstart_run, "run", no_run)
    (tmp_path / "file").touch()
    assert main(["quickstart", "--out", str(tmp_path / "file" / "x")]) == 1
    assert "cannot be written to" in capsys.readouterr().err
    monkeypatch.setattr(_quickstart, "_SPACE", 1e30)
    assert main(["quickstart", "--out", str(tmp_path / "x")]) == 1
    assert "MB of disk left and the run needs" in capsys.readouterr().err
    assert names(tmp_path) == ["file"]


def test_a_result_that_differs_in_a_fresh_process_fails(tmp_path, monkeypatch, capsys):
    answer = {"images": 2, "identical": False, "difference": 0.1, "saved_model": 0.0}
    done = subprocess.CompletedProcess([], 0, stdout=json.dumps(answer), stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: done)
    assert not _quickstart_run.load_again(tmp_path)
    assert "FAILED: a fresh process predicts something else" in capsys.readouterr().out
    done.returncode, done.stderr = 1, "Traceback\nOSError: no file"
    assert not _quickstart_run.load_again(tmp_path)
    assert "cannot load the model: OSError: no file" in capsys.readouterr().out

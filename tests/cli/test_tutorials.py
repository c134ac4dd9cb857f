import json
import sys

import pytest
from command import start

from mlkit.cli import _tutorials, main


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """Two small notebooks in the place of ours, and an empty working directory."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name, line in (("01_good", "1 + 1"), ("02_bad", "1 / 0")):
        cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": line}
        made = {
            "cells": [{**cell, "execution_count": None, "outputs": []}],
            "metadata": {"mlkit": {"line": f"About {name}", "seconds": 5, "data": "none"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (folder / f"{name}.ipynb").write_text(json.dumps(made))
    monkeypatch.setattr(_tutorials, "FOLDERS", (tmp_path / "missing", folder))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_list_needs_no_tensorflow():
    done = start("tutorials", show="'tensorflow' in sys.modules")
    assert done.returncode == 0, done.stderr
    assert "01_tensors" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_the_list_says_line_time_and_data(notebooks, capsys):
    assert main(["tutorials"]) == 0
    out = capsys.readouterr().out
    assert "01_good            About 01_good\n" in out
    assert "about 5 s; data: none" in out


def test_a_notebook_is_copied_once_and_never_over_a_changed_one(notebooks, capsys):
    assert main(["tutorials", "01", "--no-open"]) == 0
    file = notebooks / "01_good.ipynb"
    assert json.loads(file.read_text())["cells"][0]["source"] == "1 + 1"
    assert main(["tutorials", "01", "--no-open"]) == 0
    file.write_text("mine")
    assert main(["tutorials", "01", "--no-open"]) == 1
    assert file.read_text() == "mine"
    assert "left as it is" in capsys.readouterr().err


def test_it_opens_in_what_is_installed(notebooks, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(_tutorials.subprocess, "call", lambda command: calls.append(command) or 0)
    installed = {"notebook"}
    monkeypatch.setattr(
        _tutorials.importlib.util, "find_spec", lambda name: object() if name in installed else None
    )
    assert main(["tutorials", "01"]) == 0
    assert calls == [[sys.executable, "-m", "notebook", str(notebooks / "01_good.ipynb")]]
    installed.clear()
    assert main(["tutorials", "01"]) == 0
    assert "pip install jupyterlab" in capsys.readouterr().out
    assert len(calls) == 1


def test_an_unknown_number_is_refused(notebooks, capsys):
    assert main(["tutorials", "77"]) == 1
    assert "There are: 01, 02." in capsys.readouterr().err


@pytest.mark.slow
def test_check_runs_a_notebook_and_says_which_fails(notebooks, capsys):
    assert main(["tutorials", "01", "--check"]) == 0
    assert "runs" in capsys.readouterr().out
    assert main(["tutorials", "--check"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert not list(notebooks.iterdir())


def test_check_without_its_packages_says_what_to_install(notebooks, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    assert main(["tutorials", "01", "--check"]) == 1
    assert 'pip install "mlkit-tf[tutorials]"' in capsys.readouterr().err

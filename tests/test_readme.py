"""Is README true? Its commands are run by `tests/fresh_clone.py`, which `.ci/run` calls.

Not by a test: the second command runs this very suite, and each takes minutes of installing.
"""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import readme

import mlkit

TEXT = readme.README.read_text(encoding="utf-8")


def test_both_commands_make_their_own_environment():
    for command in readme.commands().values():
        venv = re.match(r"python3 -m venv (\S+) && \1/bin/pip install ", command)
        assert venv, command
        assert command.rsplit(" && ", 1)[1].startswith(f"{venv[1]}/bin/")


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nmlkit quickstart\n```\n",
        "```sh\nmlkit quickstart\nls\n```\n```sh\npytest\n```\n",
        "```sh\npytest\n```\n```sh\nmlkit quickstart\n```\n",
    ],
)
def test_a_readme_without_its_two_commands_is_refused(text):
    with pytest.raises(ValueError, match="README"):
        readme.commands(text)


def test_the_twenty_lines_run(tmp_path):
    (code,) = readme.blocks("python")
    lines = [line for line in code.splitlines() if line.strip(" ()[],")]
    assert len(lines) <= 24
    show = "print(history['val_accuracy'][-1])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(readme.README.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) > 0.9
    assert {"runs", "curves.png", "digits.keras"} <= {path.name for path in tmp_path.iterdir()}


def test_every_name_exists():
    names = set(re.findall(r"`mk\.([\w.]+)", TEXT))
    assert len(names) > 10
    for name in names:
        value = mlkit
        for part in name.split("."):
            value = getattr(value, part, None)
            assert value is not None, f"README names mk.{name}, which does not exist"


def test_every_file_exists():
    for name in re.findall(r"`((?:mlkit|tests|tutorials|notebooks)/[\w/.-]+)`", TEXT):
        assert (readme.README.parent / name).exists(), name


def test_the_map_shows_every_folder():
    shown = set(re.findall(r"`mlkit/(\w+)`", TEXT.split("## The folders")[1].split("## ")[0]))
    root = Path(mlkit.__file__).parent
    there = {path.parent.name for path in root.glob("*/__init__.py")}
    assert there - shown == set(), "folders that the map of README lacks"
    assert shown - there == set(), "folders of README's map that do not exist"
    assert importlib.import_module("mlkit.cli").main

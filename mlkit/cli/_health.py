"""Checks that need no TensorFlow: Python, packages, the backend, folders."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path

from mlkit.cli._finding import Finding

DISTRIBUTION = "mlkit-tf"
NEEDED = {"tensorflow": "2.21", "keras": "3.15", "tensorflow-datasets": "4.9.10", "tensorboard": ""}
_SPACE = 200e6  # a small run with its checkpoints, and what Keras and TFDS unpack


def _numbers(version: str) -> list[int]:
    """`2.21.0rc1` as [2, 21, 0]."""
    return [int(part) for part in re.findall(r"\d+", re.split(r"[a-z+]", version)[0])]


def installed(name: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def python(version: tuple[int, ...] | None = None) -> Finding:
    """Whether this Python is one that mlkit and TensorFlow are made for."""
    number = (version or tuple(map(int, platform.python_version_tuple()[:2])))[:2]
    found = (
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores"
    )
    if (3, 11) <= number < (3, 14):
        return Finding("Python", "ok", found)
    return Finding(
        "Python",
        "broken",
        f"{found}: mlkit needs 3.11, 3.12 or 3.13.",
        'python3.12 -m venv .venv && .venv/bin/pip install "mlkit-tf"',
    )


def package(name: str, least: str) -> Finding:
    """Whether a package that mlkit stands on is there and new enough."""
    version, mend = installed(name), f'pip install --upgrade "{name}>={least}"'.replace('>="', '"')
    if version is None:
        return Finding(name, "broken", "is not installed.", mend)
    if _numbers(version) < _numbers(least):
        return Finding(name, "broken", f"{version} is too old: {least} is needed.", mend)
    return Finding(name, "ok", version)


def backend() -> Finding:
    """Whether Keras will run on TensorFlow."""
    named = os.environ.get("KERAS_BACKEND")
    if named is None:
        file = keras_home() / "keras.json"
        try:
            named = json.loads(file.read_text()).get("backend", "tensorflow")
        except FileNotFoundError:
            named = "tensorflow"
        except (OSError, ValueError, AttributeError) as error:
            return Finding("backend", "broken", f"{file} cannot be read: {error}", f"rm {file}")
        mend = f'set "backend": "tensorflow" in {file}'
    else:
        mend = "unset KERAS_BACKEND"
    if named == "tensorflow":
        return Finding("backend", "ok", "Keras runs on TensorFlow")
    return Finding("backend", "broken", f"Keras is told to run on {named!r}.", mend)


def optional() -> list[Finding]:
    """One line an extra of mlkit: what of it is there."""
    try:
        declared = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        text = "mlkit is run from its source tree: its extras are not known."
        return [Finding("extras", "note", text, "pip install -e .")]
    extras: dict[str, list[str]] = {}
    for line in declared:
        if match := re.match(r"([\w.-]+).*\bextra\s*==\s*['\"](\w+)['\"]", line):
            extras.setdefault(match[2], []).append(match[1])
    found = []
    for extra in ("plot", "export", "serving", "tutorials"):
        wanted = [name for name in extras.get(extra, []) if name != DISTRIBUTION]
        missing = [name for name in wanted if installed(name) is None]
        text = ", ".join(f"{name} {installed(name)}" for name in wanted if name not in missing)
        if missing:
            text = f"not installed: {', '.join(missing)}" + (f"; installed: {text}" if text else "")
        mend = f'pip install "{DISTRIBUTION}[{extra}]"' if missing else ""
        found.append(Finding(f"[{extra}]", "note" if missing else "ok", text, mend))
    return found


def keras_home() -> Path:
    """Where Keras keeps its configuration and its downloads."""
    return Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())


def folders() -> list[Finding]:
    """Whether the places that are written to can be."""
    tfds = os.environ.get("TFDS_DATA_DIR") or Path("~/tensorflow_datasets").expanduser()
    return [
        folder("cache of Keras", keras_home(), "export KERAS_HOME=/a/writable/folder"),
        folder("data of TFDS", Path(tfds), "export TFDS_DATA_DIR=/a/writable/folder"),
        folder("temporary files", Path(tempfile.gettempdir()), "export TMPDIR=/a/writable/folder"),
    ]


def folder(name: str, path: Path, mend: str) -> Finding:
    """Whether a file can be written in `path`, or in what it will be made in."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"mlkit")
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(name, "broken", f"{path} cannot be written to: {error.strerror}.", mend)
    if free < _SPACE:
        return Finding(name, "broken", f"{path}: only {free / 1e6:.0f} MB of disk are left.", mend)
    return Finding(name, "ok", f"{path}, {free / 1e9:.1f} GB free")

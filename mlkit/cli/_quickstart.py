"""`mlkit quickstart`: train, save and load a real model, in less than a minute."""

import argparse
import errno
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULT = "result.json"
COMMAND = "mlkit quickstart"
_SPACE = 30e6  # what a run writes, several times over


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "quickstart",
        help="train a real model, save it, and load it in a fresh process",
        description="Trains a small convolutional net on the handwritten digits that come with "
        "mlkit, writes a run directory, and loads the model in a fresh process. Exit status 1 if "
        "any of it fails.",
    )
    parser.add_argument(
        "--out", default="quickstart", metavar="DIR", help="the run directory (%(default)s)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace DIR if an earlier quickstart has made it"
    )
    parser.set_defaults(run=run)


class Refused(Exception):
    """The run cannot begin or go on; the message is the sentence for the user."""


def run(arguments: argparse.Namespace) -> int:
    """Train beside the directory, and put the result in its place when it is complete."""
    out = Path(arguments.out)
    try:
        check(out, arguments.overwrite)
        beside = make_beside(out)
        try:
            passed = train(beside, out)
            put_in_place(beside, out)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        if passed:
            from mlkit.cli import _quickstart_run

            sys.stdout.write(_quickstart_run.farewell(out))
    except Refused as refused:
        sys.stderr.write(f"{COMMAND}: {refused}\n")
        return 1
    return 0 if passed else 1


def check(out: Path, overwrite: bool) -> None:
    """Raise `Refused` unless the run may write to `out`."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if os.path.lexists(out):
        if not overwrite:
            raise Refused(
                f"{out} exists and is left as it is; name another directory with --out, or replace "
                "it with --overwrite."
            )
        if not made_by_us(out):
            raise Refused(
                f"{out} was not made by an earlier quickstart and is left as it is, with "
                "--overwrite too; name another directory with --out."
            )


def made_by_us(out: Path) -> bool:
    """Whether `out` is a directory of an earlier quickstart, which may be removed."""
    try:
        return json.loads((out / RESULT).read_text())["command"] == COMMAND
    except (OSError, ValueError, KeyError, TypeError):
        return False


def make_beside(out: Path) -> Path:
    """An empty directory on the same disk as `out`, to write to."""
    parent = out.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parent).free
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=parent))
    except OSError as error:
        raise Refused(f"{parent} cannot be written to: {error.strerror}.") from None
    if free < _SPACE:
        beside.rmdir()
        raise Refused(
            f"{parent} has {free / 1e6:.0f} MB of disk left and the run needs {_SPACE / 1e6:.0f}; "
            "nothing was written."
        )
    mask = os.umask(0)
    os.umask(mask)
    beside.chmod(0o777 & ~mask)  # mkdtemp leaves it to the owner alone
    return beside


def train(beside: Path, out: Path) -> bool:
    """The run itself; a full disk or a lost directory becomes one sentence."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from mlkit.cli import _quickstart_run

    try:
        return _quickstart_run.run(beside, out)
    except BrokenPipeError:
        raise  # of the reader of our output, not of the disk
    except Exception as error:
        reason = of_the_disk(error, beside)
        if reason is None:
            raise
        kept = f" {out} is as it was." if os.path.lexists(out) else ""
        raise Refused(f"{reason}; the unfinished run was removed.{kept}") from None


def of_the_disk(error: Exception, place: Path) -> str | None:
    """What is wrong with the disk, if that is why the run failed."""
    full = "No space left" in str(error) or getattr(error, "errno", 0) == errno.ENOSPC
    try:
        # Libraries word it each in its own way; a disk with nothing left says it for all.
        full = full or shutil.disk_usage(place).free < 1e6
    except OSError:
        return f"{place.parent} can no longer be read"
    if full:
        return f"no space is left on the disk of {place.parent}"
    if isinstance(error, OSError) and error.strerror:
        return f"{place.parent} cannot be written to: {error.strerror}"
    return None


def put_in_place(beside: Path, out: Path) -> None:
    """Rename the finished run to `out`; what was there is removed only afterwards."""
    aside = beside.with_name(f"{beside.name}.replaced")
    try:
        if os.path.lexists(out):
            out.rename(aside)
        beside.rename(out)
    except OSError as error:
        if aside.exists() and not os.path.lexists(out):
            aside.rename(out)
        raise Refused(f"{out} cannot be put in place: {error.strerror}.") from None
    shutil.rmtree(aside, ignore_errors=True)

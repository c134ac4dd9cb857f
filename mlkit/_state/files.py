"""Files that survive a crash: written beside, synced, renamed."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def failpoint(name: str) -> None:
    """End the process here if `MLKIT_FAILPOINT` names this point: for the tests of crashes."""
    if os.environ.get("MLKIT_FAILPOINT") == name:
        os._exit(70)


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def directory_written_beside(target: Path) -> Iterator[Path]:
    """An empty directory that becomes `target` when the block ends without an error.

    Until then `target` is not there; after an error, or a crash, what was written is removed now or
    by `remove_leftovers`.
    """
    beside = target.with_name(f".{target.name}.partial-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        failpoint("before-sync")
        for path in sorted(beside.rglob("*")):
            sync(path)
        sync(beside)
        failpoint("before-rename")
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    failpoint("after-rename")
    sync(target.parent)


@contextmanager
def file_written_beside(target: Path) -> Iterator[Path]:
    """A path to write a file to, which becomes `target` when the block ends without an error.

    Its name ends as that of `target`, which says the format to who writes it.
    """
    beside = target.with_name(f".partial-{os.getpid()}-{target.name}")
    try:
        yield beside
        sync(beside)
        failpoint("before-replace")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync(target.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what crashed processes left half written or half deleted."""
    for path in folder.glob(".*.partial-*"):
        owner = path.name.rpartition("-")[2]
        if not (owner.isdigit() and alive(int(owner))) or int(owner) == os.getpid():
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".partial-*-*"):
        owner = path.name.split("-")[1]
        if not (owner.isdigit() and alive(int(owner))) or int(owner) == os.getpid():
            path.unlink(missing_ok=True)


def remove_directory(path: Path) -> None:
    """Remove a directory so that no half of it can be taken for the whole."""
    aside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    path.rename(aside)
    failpoint("half-removed")
    shutil.rmtree(aside, ignore_errors=True)


def alive(pid: int) -> bool:
    """Whether a process of this host is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

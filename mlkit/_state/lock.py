"""One running process a directory."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlkit._state.files import alive


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a directory.

    The lock is a file that names the process and the host. One whose process is gone, on this
    host, is stale and taken over.

    Raises:
        RuntimeError: another running process holds it.
    """
    path = folder / "lock"
    _refuse_if_held(path, folder)
    path.unlink(missing_ok=True)  # stale
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    try:
        file = path.open("x", encoding="utf-8")  # of two that begin at once, one gets it
    except FileExistsError:
        _refuse_if_held(path, folder)
        raise RuntimeError(
            f"Another process has just begun in the run directory {folder}."
        ) from None
    with file:
        file.write(json.dumps(owner))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _refuse_if_held(path: Path, folder: Path) -> None:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        pid, host = int(owner["pid"]), str(owner["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # no lock, or one that was torn by a crash
    here = host == socket.gethostname()
    if here and (pid == os.getpid() or not alive(pid)):
        return
    raise RuntimeError(
        f"The run directory {folder} is in use by process {pid} on {host}. Wait for it, or give "
        f"another directory. If that process is gone for certain, remove {path}."
    )

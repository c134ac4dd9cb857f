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
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    path.write_text(json.dumps(owner), encoding="utf-8")
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

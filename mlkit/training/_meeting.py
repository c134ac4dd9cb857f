"""The members of a cluster meet before TensorFlow connects them: who is missing is named."""

import hashlib
import json
import socket
import sys
import threading
import time
from pathlib import Path

import keras
import tensorflow as tf

from mlkit._version import __version__

# Seconds that the members of a cluster have to appear.
PATIENCE = 50.0


def code() -> dict[str, str]:
    """What must be the same on all members before they make a variable together."""
    script = Path(sys.argv[0])
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12] if script.is_file() else "none"
    return {
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
        "mlkit": __version__,
        "the script": f"{script.name} ({digest})",
    }


def meet(
    addresses: list[str],
    index: int,
    patience: float | None = None,
    facts: dict[str, str] | None = None,
) -> None:
    """Wait until all members of a cluster are there, each at its address, with the same code.

    TensorFlow waits too, but for an hour, and without a word. Each member listens at its own
    address until it has heard from all others and all others have heard from it.

    Raises:
        OSError: the own port is taken.
        TimeoutError: a member has not appeared, or has another list of members.
        ValueError: a member has other facts (default: `code()`); on every member.
    """
    facts = code() if facts is None else facts
    try:
        listener = socket.create_server(("", int(addresses[index].rpartition(":")[2])))
    except OSError as error:
        raise OSError(
            error.errno,
            f"The port of worker {index}, {addresses[index]}, cannot be used: {error.strerror}. Is "
            "another job running there, or two workers with one index?",
        ) from None
    limit = time.monotonic() + (PATIENCE if patience is None else patience)
    heard: set[int] = {index}
    thread = threading.Thread(
        target=_listen, args=(listener, addresses, heard, limit, facts), daemon=True
    )
    thread.start()
    theirs: dict[int, dict[str, str]] = {index: facts}
    try:
        while len(theirs) < len(addresses) or len(heard) < len(addresses):
            for other in set(range(len(addresses))) - theirs.keys():
                answer = _ask(addresses, index, other)
                if answer is not None:
                    theirs[other] = answer
            if time.monotonic() > limit:
                missing = sorted(set(range(len(addresses))) - (theirs.keys() & heard))
                names = ", ".join(f"worker {i} at {addresses[i]}" for i in missing)
                raise TimeoutError(
                    f"Worker {index} cannot reach {names}. Was it started, with the same list of "
                    "workers in TF_CONFIG, and is its port open?"
                )
            time.sleep(0.1)
    finally:
        listener.close()
        thread.join()
    _check_same(theirs, index)


def _check_same(theirs: dict[int, dict[str, str]], index: int) -> None:
    for name, mine in theirs[index].items():
        for other in sorted(theirs):
            if theirs[other].get(name) != mine:
                raise ValueError(
                    f"The workers are to train one model with one code, but {name} is {mine} on "
                    f"worker {index} and {theirs[other].get(name)} on worker {other}."
                )


def _listen(
    listener: socket.socket,
    addresses: list[str],
    heard: set[int],
    limit: float,
    facts: dict[str, str],
) -> None:
    listener.settimeout(0.2)
    expected = {_hello(addresses, i): i for i in range(len(addresses))}
    while len(heard) < len(addresses) and time.monotonic() < limit:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError:
            return  # closed
        with connection:
            connection.settimeout(2)
            try:
                found = expected.get(connection.recv(4096))
                if found is not None:
                    connection.sendall(json.dumps(facts).encode())
                    heard.add(found)
            except OSError:
                continue


def _ask(addresses: list[str], index: int, other: int) -> dict[str, str] | None:
    """The facts of another member, which takes note of this one; None: it is not there."""
    host, _, port = addresses[other].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            connection.sendall(_hello(addresses, index))
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
            return json.loads(answer) if answer else None
    except (OSError, ValueError):
        return None


def _hello(addresses: list[str], index: int) -> bytes:
    digest = hashlib.sha256(json.dumps(addresses).encode()).hexdigest()
    return json.dumps([index, digest]).encode()

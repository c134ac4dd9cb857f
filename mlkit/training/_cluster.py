"""`strategy="auto"`: the cluster that this process is a part of, and its other members."""

import json
import os
import socket
import threading
import time
from typing import Any

import tensorflow as tf

# Seconds that the members of a cluster have to appear.
PATIENCE = 50.0


def strategy_of(given: Any) -> tf.distribute.Strategy | None:
    """The strategy that was given, or for `"auto"` the one that fits this machine.

    Raises:
        TypeError: it is something else.
        ValueError: `TF_CONFIG` is wrong.
        TimeoutError: a member of the cluster does not appear.
        OSError: the port of this worker is taken.
    """
    if given is None or isinstance(given, tf.distribute.Strategy):
        return given
    if given != "auto":
        raise TypeError(
            f"`strategy` must be a tf.distribute.Strategy, 'auto' or None. Received: {given!r}"
        )
    if os.environ.get("TF_CONFIG"):
        addresses, index = read_config(os.environ["TF_CONFIG"])
        if len(addresses) > 1:
            meet(addresses, index)
            return _several_workers()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver()
        return _several_workers(resolver)
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else None


def _several_workers(resolver: Any = None) -> tf.distribute.Strategy:
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise RuntimeError(
            "TensorFlow connects workers before its first operation only, and the model was made "
            "already. Put `strategy = tf.distribute.MultiWorkerMirroredStrategy()` at the top of "
            f"the script, and give `strategy=strategy`. The error was: {error}"
        ) from None


def read_config(text: str) -> tuple[list[str], int]:
    """The addresses of the workers in `TF_CONFIG`, the chief's first, and the place of this one.

    Raises:
        ValueError: it is not JSON, or names no worker, or this one is not among them.
    """
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        kind, index = str(task["type"]), int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host:port", ...]}, "task": '
            f'{{"type": "worker", "index": 0}}}}. Received: {text!r:.200} ({error!r})'
        ) from None
    if cluster.get("ps"):
        raise ValueError("strategy='auto' makes no parameter servers: give the strategy itself.")
    if kind not in ("chief", "worker") or not 0 <= index < len(cluster.get(kind, ())):
        raise ValueError(
            f"TF_CONFIG: there is no task {kind} {index} in the cluster, which has "
            f"{ {name: len(hosts) for name, hosts in cluster.items()} }. Indices count from 0."
        )
    addresses = [*cluster.get("chief", ()), *cluster.get("worker", ())]
    return addresses, index + (len(cluster.get("chief", ())) if kind == "worker" else 0)


def meet(addresses: list[str], index: int, patience: float | None = None) -> None:
    """Wait until all members of a cluster are there, each at its address.

    TensorFlow waits too, but for an hour, and without a word. Each member listens at its own
    address until it has heard from all others and all others have heard from it.

    Raises:
        OSError: the own port is taken.
        TimeoutError: a member has not appeared, or has another list of members.
    """
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
    thread = threading.Thread(target=_listen, args=(listener, addresses, heard, limit), daemon=True)
    thread.start()
    told = {index}
    try:
        while len(told) < len(addresses) or len(heard) < len(addresses):
            for other in set(range(len(addresses))) - told:
                if _tell(addresses, index, other):
                    told.add(other)
            if time.monotonic() > limit:
                missing = sorted(set(range(len(addresses))) - (told & heard))
                names = ", ".join(f"worker {i} at {addresses[i]}" for i in missing)
                raise TimeoutError(
                    f"Worker {index} cannot reach {names}. Was it started, with the same list of "
                    "workers in TF_CONFIG, and is its port open?"
                )
            time.sleep(0.1)
    finally:
        listener.close()
        thread.join()


def _listen(listener: socket.socket, addresses: list[str], heard: set[int], limit: float) -> None:
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
                    connection.sendall(b"welcome")
                    heard.add(found)
            except OSError:
                continue


def _tell(addresses: list[str], index: int, other: int) -> bool:
    """Whether another member is there and has taken note of this one."""
    host, _, port = addresses[other].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            connection.sendall(_hello(addresses, index))
            return connection.recv(16) == b"welcome"
    except OSError:
        return False


def _hello(addresses: list[str], index: int) -> bytes:
    return json.dumps([index, addresses]).encode()[:4096]

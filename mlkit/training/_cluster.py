"""`strategy="auto"`: the cluster that this process is a part of."""

import json
import os
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from mlkit.training._meeting import meet
from mlkit.training._schedulers import config_of_scheduler
from mlkit.training._serve import coordinate, serve

# The strategy of this process: TensorFlow connects to a cluster once.
_MADE: list[tf.distribute.Strategy | None] = []


def strategy_of(given: Any) -> tf.distribute.Strategy | None:
    """The strategy that was given, or for `"auto"` the one that fits this machine.

    Raises:
        TypeError: it is something else.
    """
    if given is None or isinstance(given, tf.distribute.Strategy):
        return given
    if given != "auto":
        raise TypeError(
            f"`strategy` must be a tf.distribute.Strategy, 'auto' or None. Received: {given!r}"
        )
    return auto_strategy()


def auto_strategy() -> tf.distribute.Strategy | None:
    """Connect to the cluster that this process is a part of.

    This is what `strategy="auto"` means. The cluster is read from `TF_CONFIG` (set by
    `mlkit launch`, Kubeflow and others) or from Slurm. All workers meet within a minute, or each
    says which one is missing, or runs other code.

    TensorFlow connects workers before its first operation only: call this at the top of a script
    that several workers run, before the model is made. What it returns is kept, and
    `strategy="auto"` means it from then on.

    In a cluster with parameter servers this returns in the chief only, which trains; in the others
    it serves the chief until that has ended, and then ends the process.

    Returns:
        `tf.distribute.MultiWorkerMirroredStrategy` in a cluster of several workers,
        `ParameterServerStrategy` in one with servers, `MirroredStrategy` on one machine with
        several GPUs, else None: one device.

    Raises:
        ValueError: what is told of the cluster is wrong, or a worker runs other code.
        TimeoutError: a worker does not appear.
        OSError: the port of this worker is taken.
        RuntimeError: TensorFlow was used before.

    Example:
        >>> import mlkit as mk
        >>> strategy = mk.training.auto_strategy()
        >>> print(strategy)
        None
    """
    if not _MADE:
        _MADE.append(_made())
    return _MADE[0]


def _made() -> tf.distribute.Strategy | None:
    config = os.environ.get("TF_CONFIG") or config_of_scheduler()
    if config is not None:
        cluster = read_config(config)
        os.environ["TF_CONFIG"] = config  # where TensorFlow's resolver looks
        if cluster.servers:
            chief, *others = cluster.addresses
            return coordinate(others) if cluster.index == 0 else serve(chief)
        if len(cluster.addresses) > 1:
            meet(cluster.addresses, cluster.index)
            return _several_workers()
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else None


def _several_workers() -> tf.distribute.Strategy:
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise RuntimeError(
            "TensorFlow connects workers before its first operation only, and the model was made "
            "already. Put `mk.training.auto_strategy()` at the top of the script, before the "
            f"model. The error was: {error}"
        ) from None


@dataclass(frozen=True)
class Cluster:
    """The processes of a cluster: the chief, the workers, the servers; and this one's place."""

    addresses: list[str]
    index: int
    servers: bool


def read_config(text: str) -> Cluster:
    """What `TF_CONFIG` says.

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
    kinds = [k for k in ("chief", "worker", "ps") if k in cluster]
    if kind not in kinds or not 0 <= index < len(cluster[kind]):
        raise ValueError(
            f"TF_CONFIG: there is no task {kind} {index} in the cluster, which has "
            f"{ {name: len(hosts) for name, hosts in cluster.items()} }. Indices count from 0."
        )
    servers = bool(cluster.get("ps"))
    if servers and (len(cluster.get("chief", ())) != 1 or not cluster.get("worker")):
        raise ValueError(
            "TF_CONFIG: parameter servers ('ps') need one 'chief', which coordinates, and at least "
            f"one 'worker'. Received: { {name: len(hosts) for name, hosts in cluster.items()} }"
        )
    before = sum(len(cluster[k]) for k in kinds[: kinds.index(kind)])
    return Cluster([a for k in kinds for a in cluster[k]], index + before, servers)

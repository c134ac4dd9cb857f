"""The processes of a cluster with parameter servers: one coordinates, the others serve it."""

import os
import socket
import sys
import time
from typing import NoReturn

import tensorflow as tf

from mlkit.training._meeting import PATIENCE

# Seconds between two looks at the coordinator, and without it until a server ends.
LOOK, ALONE = 2.0, 20.0


def coordinate(members: list[str]) -> tf.distribute.Strategy:
    """Connect to all workers and servers, once they are there.

    Args:
        members: their addresses.

    Raises:
        TimeoutError: one does not appear.
    """
    limit = time.monotonic() + PATIENCE
    missing = list(members)
    while missing:
        missing = [address for address in missing if not _listens(address)]
        if missing and time.monotonic() > limit:
            raise TimeoutError(
                f"The coordinator cannot reach {', '.join(missing)}. Was it started, with the same "
                "TF_CONFIG, and is its port open?"
            )
        time.sleep(0.1)
    # As TensorFlow's guide has it: a call to a worker that is gone fails, and does not wait.
    os.environ["GRPC_FAIL_FAST"] = "use_caller"
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    return tf.distribute.ParameterServerStrategy(resolver)


def serve(chief: str) -> NoReturn:
    """Do what the coordinator says until it has ended; then end this process.

    Args:
        chief: the coordinator's address.
    """
    os.environ["GRPC_FAIL_FAST"] = "use_caller"
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    server = tf.distribute.Server(
        resolver.cluster_spec(),
        job_name=resolver.task_type,
        task_index=resolver.task_id,
        protocol="grpc",
        config=_threads(len(resolver.cluster_spec().as_dict()["worker"])),
    )
    seen, since = False, time.monotonic()
    while True:
        if _listens(chief):
            seen, since = True, time.monotonic()
        elif time.monotonic() - since > (ALONE if seen else PATIENCE):
            what = "has ended" if seen else "does not appear"
            sys.stderr.write(f"{server.target}: the coordinator at {chief} {what}.\n")
            sys.stderr.flush()
            # Not sys.exit: a server of TensorFlow cannot be shut down.
            os._exit(0 if seen else 1)
        time.sleep(LOOK)


def _threads(workers: int) -> tf.compat.v1.ConfigProto:
    """With fewer threads than members that wait for one another, all of them wait for good."""
    config = tf.compat.v1.ConfigProto()
    config.inter_op_parallelism_threads = max(os.cpu_count() or 1, workers + 1)
    return config


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True

"""The processes that train one model together, and what they must agree on."""

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What an operation over the workers ends with when one of them cannot be reached. The last is of a
# worker that is cut off itself: its own heartbeats come back from nowhere.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
# In the `repr` of functions and configurations: two processes need not have them alike. A name may
# hold a number that counts up in the process.
_OF_A_PROCESS = re.compile(r" at 0x[0-9a-f]+|'shared_object_id': \d+|'name': '[^']*'")
_TASK = re.compile(r"/job:(\w+)/replica:\d+/task:(\d+)")
# Callbacks of Keras that change the training: they see the same logs everywhere, and do the same.
_STEERING = ("EarlyStopping", "LearningRateScheduler", "ReduceLROnPlateau", "TerminateOnNaN")


class Workers:
    """The workers of a cluster. Every method is called by all of them, in the same order.

    Args:
        strategy: a strategy over several processes.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        resolver: Any = strategy.cluster_resolver
        tasks, here = _tasks(resolver), (resolver.task_type, str(resolver.task_id))
        has_chief = any(kind == "chief" for kind, _ in tasks)
        self.others = [task for task in tasks if task != here]
        self.chief = resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)
        self._gather = tf.function(self._gathered, autograph=False)

    def _gathered(self, values: Any) -> Any:
        rows = self._strategy.run(lambda v: v[None], args=(values,))
        return self._strategy.gather(rows, axis=0)

    def rows(self, values: Sequence[int]) -> np.ndarray:
        """What all workers have given, a row a replica; the chief's is the first."""
        return self._gather(tf.constant(list(values), tf.int64)).numpy()

    def largest(self, values: Sequence[int]) -> list[int]:
        return [int(v) for v in self.rows(values).max(axis=0)]

    def smallest(self, values: Sequence[int]) -> list[int]:
        return [int(v) for v in self.rows(values).min(axis=0)]

    def of_chief(self, value: int) -> int:
        return int(self.rows([value])[0, 0])

    def first_stop(self, stop: int | None) -> int | None:
        """The first of the stops that the workers have in mind; None: the end of the data."""
        endless = 2**62
        found = self.smallest([endless if stop is None else stop])[0]
        return None if found == endless else found

    def wait(self) -> None:
        """Until all have come here."""
        self.largest([0])

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """Raise `ValueError`, on every worker, if a fact is not the same on all.

        Args:
            facts: what is compared; each by a digest of its `repr`, or of its bytes.
        """
        rows = self.rows([_digest(value) for value in facts.values()])
        for column, (name, value) in enumerate(facts.items()):
            different = [i for i, row in enumerate(rows) if row[column] != rows[0, column]]
            if different:
                self._let_all_know()
                shown = "" if isinstance(value, bytes) else f" Here: {value!r:.200}."
                raise ValueError(
                    f"The workers are to train one model, but replica {different[0]} differs from "
                    f"replica 0 in {name}.{shown} Run the same script on all, with the same seed "
                    "(keras.utils.set_random_seed) before the model is made."
                )

    def check_after_callbacks(self, model: keras.Model) -> None:
        """Raise `ValueError`, on every worker, if a callback has changed the model on some."""
        optimizer: Any = model.optimizer
        rate = getattr(optimizer, "learning_rate", None)
        what = "after the callbacks of an epoch (those that steer need `on_all_workers = True`)"
        self.check_same(
            {
                f"the weights, {what}": bytes_of(model.variables),
                f"the learning rate, {what}": None if rate is None else bytes_of([rate]),
                f"what is trainable, {what}": [v.trainable for v in model.variables],
            }
        )

    def _let_all_know(self) -> None:
        """A worker that ends at once would break off what another still reads."""
        with suppress(tf.errors.OpError):
            self.wait()


@contextmanager
def lost_peers_named(workers: Workers | None) -> Iterator[None]:
    """Say which worker it was when one cannot be reached any more.

    Raises:
        RuntimeError: TensorFlow has lost the connection to a worker.
    """
    try:
        yield
    except _LOST as error:
        if workers is None:
            raise
        told = _TASK.findall(str(error))
        tasks = [task for task in workers.others if task in told]
        if not tasks and len(workers.others) == 1:
            tasks = workers.others
        names = " or ".join(f"{kind} {index}" for kind, index in tasks) or "another worker"
        raise RuntimeError(
            f"The connection to {names} was lost: that process has ended, was stopped, or cannot "
            "be reached. Training cannot go on without it. Start all workers again: a run "
            "(run=...) goes on from its last checkpoint."
        ) from error


def _tasks(resolver: Any) -> list[tuple[str, str]]:
    """Kind and index of each worker of a cluster, the chief first."""
    spec = resolver.cluster_spec().as_dict()
    return [(kind, str(i)) for kind in ("chief", "worker") for i in range(len(spec.get(kind, ())))]


def _digest(value: Any) -> int:
    data = value if isinstance(value, bytes) else _OF_A_PROCESS.sub("", repr(value)).encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:7], "big")


def bytes_of(variables: Sequence[Any]) -> bytes:
    """The values of variables that all replicas hold alike."""
    common = [v for v in variables if getattr(v, "synchronization", "auto") != "on_read"]
    return b"".join(np.asarray(tf.convert_to_tensor(v)).tobytes() for v in common)


def facts_of_model(model: keras.Model) -> dict[str, Any]:
    """What must be the same on all workers of a model, as it was given."""
    optimizer: Any = model.optimizer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about saving lambdas: nothing is saved here
        config: Any = model.get_compile_config() or {}
    return {
        "the model": (type(model).__name__, [(tuple(v.shape), v.dtype) for v in model.variables]),
        "the optimizer": None if optimizer is None else optimizer.get_config(),
        "the loss or the metrics": {
            key: config.get(key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")
        },
        "the weights": bytes_of(model.variables),
    }


def facts_of_data(data: Any) -> dict[str, Any]:
    """What must be the same on all workers of the data that they share."""
    leaves = [t for t in keras.tree.flatten(data.head(64)) if isinstance(t, tf.Tensor)]
    return {
        "the shape of the data": (data.signature(), data.steps),
        "the first batch (does it come from a shuffle without a seed?)": b"".join(
            tf.io.serialize_tensor(t).numpy() for t in leaves
        ),
    }


def workers_of(strategy: tf.distribute.Strategy) -> Workers | None:
    """The workers of a strategy; None where one process decides."""
    resolver: Any = strategy.cluster_resolver
    if resolver is None or resolver.cluster_spec().as_dict().get("ps"):
        return None  # with servers one process coordinates, and the others do as they are told
    return Workers(strategy) if len(_tasks(resolver)) > 1 else None


def runs_everywhere(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback is called on every worker, and not on the chief only."""
    given = getattr(callback, "on_all_workers", None)
    if given is not None:
        return bool(given)
    cls = type(callback)
    return cls.__module__.startswith("keras.") and cls.__name__ in (*_STEERING, "History")

"""The programs: how a block of steps is run. What is learned does not depend on which one it is.

| program | one call runs |
|---|---|
| `eager` | one step, operation by operation |
| `step` | one step, in a `tf.function` |
| `fused` | the block: a `tf.while_loop` that fetches each batch inside it |
| `epoch` | the block: the epoch is put in order first, and the loop slices it |

A block is a stretch of steps [start, stop) of one epoch in which nobody has to look. `fused` over
arrays gathers batch by batch, and so needs no second copy of the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_choice

Logs = dict[str, Any]
NAMES = ("eager", "step", "fused", "epoch")


def check_execution(execution: str) -> None:
    """Raise `ValueError` unless `execution` is `"auto"` or names a program."""
    compiled = [f"{name}+xla" for name in NAMES if name != "eager"]
    check_choice("execution", execution, ["auto", *NAMES, *compiled])


@dataclass(frozen=True)
class Job:
    """What a program runs, beside the data.

    Args:
        step: one update (or one evaluation) from one batch; returns a dict of tensors.
        begin: to be done before the first step of an epoch, in graph; or None.
        finish: what to report after a block, from what its last step returned.
        proceed: whether to go on within a block, from what a step returned, called after each; or
            None for always.
    """

    step: Callable[[Any], Logs]
    finish: Callable[[Logs], Logs]
    begin: Callable[[], None] | None = None
    proceed: Callable[[Logs], Any] | None = None

    def enter(self, start: Any) -> None:
        """Run `begin` if `start` is the first step of an epoch."""
        begin = self.begin
        if begin is None:
            return

        def run() -> Any:
            begin()
            return tf.constant(0)

        tf.cond(tf.equal(start, 0), run, lambda: tf.constant(0))

    def keep_on(self, logs: Logs) -> Any:
        return tf.constant(True) if self.proceed is None else self.proceed(logs)


def function(python_function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A `tf.function` whose traces TensorFlow counts apart from those of other models.

    It counts by code, and warns of retracing where several models train in one process, each of
    which is traced once. A partial has no code.
    """
    return tf.function(partial(python_function), *args, **kwargs)


def traced(step: Callable[[Any], Logs], spec: Any) -> tuple[Callable[[Any], Logs], Logs]:
    """A step traced for one kind of batch, and zeros of what it returns."""
    compiled = step if hasattr(step, "get_concrete_function") else function(step)
    concrete = compiled.get_concrete_function(spec)
    zeros = tf.nest.map_structure(lambda s: tf.zeros(s.shape, s.dtype), concrete.structured_outputs)
    return concrete, zeros

"""Programs over data that are all in memory."""

from typing import Any

import keras
import tensorflow as tf

from mlkit.training._arrays import Arrays
from mlkit.training._one_trace import OneTrace
from mlkit.training._programs import Job, Logs, function, traced


def cut(data: Any, start: Any, size: Any) -> Any:
    """`size` examples from `start` on. With a Python number the shape is static: XLA needs it."""

    def one(t: Any) -> Any:
        begin = tf.concat([[start], tf.zeros([t.shape.rank - 1], tf.int32)], 0)
        return tf.slice(t, begin, [size, *t.shape[1:]])

    return keras.tree.map_structure(one, data)


def pick(data: Any, indices: Any) -> Any:
    return keras.tree.map_structure(lambda t: tf.gather(t, indices), data)


class ArrayProgram:
    """Runs blocks of steps over arrays.

    Args:
        job: what to run.
        arrays: the data; others of the same shapes may take their place later.
        name: one of `NAMES`.
        xla: whether XLA compiles the step, and with `epoch` the loop around it.

    `whole`, to be set before a run, says that epochs go on in one call each: nobody looks within.
    """

    def __init__(self, job: Job, arrays: Arrays, name: str, xla: bool) -> None:
        self.job, self.data, self.name, self.xla = job, arrays, name, xla
        self.whole = True
        # The last batch of an epoch has the trace of the others, but for XLA, which wants a shape.
        self._one_trace = bool(arrays.remainder) and not xla
        self._epoch: Any = None
        self._source_of_epoch: Any = None
        step, finish = job.step, arrays.finish
        if finish is not None:
            step = lambda batch: job.step(finish(batch))  # noqa: E731
        self._step = step if name == "eager" else function(step, jit_compile=xla or None)
        # In a loop that is compiled as a whole the step is inlined.
        self._looped_step = step if xla and name == "epoch" else self._step
        compiled = function(self._loop_body, jit_compile=True, autograph=False)
        self._loop = compiled if xla and name == "epoch" else self._loop_body
        eager = name == "eager"
        # Not the methods themselves: these data would live as long as the program.
        self._order = function(lambda key: self.data.order(key), autograph=False)
        self._for_epoch = function(lambda t, key: self.data.for_epoch(t, key), autograph=False)
        self._ordered = function(self._gather, autograph=False)
        self._block = OneTrace(self._run_block)
        self._whole = OneTrace(self._run_whole)
        self._single = self._run_single if eager else function(self._run_single, autograph=False)

    def run(self, epoch: int, start: int, stop: int) -> tuple[Logs, int]:
        """Run the steps [start, stop) of an epoch.

        Returns:
            What `finish` makes of the last step, and the number of steps that were run.
        """
        key = tf.constant([self.data.seed, epoch], tf.int64)
        if self.name == "epoch" and self.whole and start == 0 and stop == self.data.steps:
            self.forget()
            return self._count(self._whole(self.data.tensors, key), start, stop)
        if self.name in ("epoch", "fused"):
            source = self._source(epoch, key)
            return self._count(
                self._block(source, tf.constant(start), tf.constant(stop)), start, stop
            )
        return self._one_by_one(self._source(epoch, key), start, stop)

    def concrete(self) -> Any:
        """The graph that blocks of this program run, traced if it was not yet."""
        tensors, key = self.data.tensors, tf.zeros([2], tf.int64)
        if self.name == "epoch" and self.whole:
            return self._whole.trace(tensors, key)
        tensors = self._for_epoch(tensors, key)
        source = tensors if self.name == "epoch" else (tensors, self._order(key))
        return self._block.trace(source, tf.constant(0), tf.constant(1))

    def _count(self, outcome: tuple[Any, Logs], start: int, stop: int) -> tuple[Logs, int]:
        reached, logs = outcome
        return logs, stop - start if self.job.proceed is None else int(reached) - start

    def _one_by_one(self, source: Any, start: int, stop: int) -> tuple[Logs, int]:
        logs: Logs = {}
        for i in range(start, stop):
            ragged = i >= self.data.full and not self._one_trace
            go_on, logs = self._single(source, tf.constant(i), ragged)
            if self.job.proceed is not None and not bool(go_on):
                return logs, i + 1 - start
        return logs, stop - start

    def forget(self) -> None:
        """Let go of the data in their order."""
        self._epoch = self._source_of_epoch = None

    def _source(self, epoch: int, key: Any) -> Any:
        """The data with the epoch's order, or in that order already; kept from block to block."""
        mark = (epoch, id(self.data))
        if self._epoch != mark:
            self.forget()  # or two copies would be alive for a moment
            tensors = self._for_epoch(self.data.tensors, key)
            pregather = self.name == "epoch"
            self._source_of_epoch = (
                self._ordered(tensors, key) if pregather else (tensors, self._order(key))
            )
            self._epoch = mark
        return self._source_of_epoch

    def _gather(self, tensors: Any, key: Any) -> Any:
        return pick(tensors, self.data.order(key)) if self.data.shuffle else tensors

    def _batch(self, source: Any, index: Any, size: int) -> Any:
        start = index * self.data.batch_size
        length: Any = tf.minimum(size, self.data.size - start) if self._one_trace else size
        if self.name == "epoch":
            return cut(source, start, length)
        tensors, order = source
        if not self.data.shuffle:
            return cut(tensors, start, length)
        indices = order[start : start + length]
        return pick(tensors, indices if self._one_trace else tf.ensure_shape(indices, [size]))

    def _loop_body(self, source: Any, start: Any, stop: Any) -> tuple[Any, Logs]:
        """The steps [start, stop), as far as they have one trace."""
        size = self.data.batch_size
        axis = None if self._one_trace else size
        tensors = source if self.name == "epoch" else source[0]
        spec = keras.tree.map_structure(
            lambda t: tf.TensorSpec([axis, *t.shape[1:]], t.dtype), tensors
        )
        step, zeros = traced(self._looped_step, spec)
        limit = stop if self._one_trace else tf.minimum(stop, self.data.full)

        def body(i: Any, go_on: Any, logs: Logs) -> tuple[Any, Any, Logs]:
            logs = step(self._batch(source, i, size))
            return i + 1, self.job.keep_on(logs), logs

        i, _, logs = tf.while_loop(
            lambda i, go_on, _: tf.logical_and(i < limit, go_on),
            body,
            (start, tf.constant(True), zeros),
            parallel_iterations=1,
        )
        return i, logs

    def _run_block(self, source: Any, start: Any, stop: Any) -> tuple[Any, Logs]:
        self.job.enter(start)
        data = self.data

        def ragged() -> tuple[Any, Logs]:
            batch = self._batch(source, tf.constant(data.full), data.remainder)
            return tf.constant(data.full + 1), self._step(batch)

        i, logs = self._loop(source, start, stop)
        if data.remainder and not self._one_trace:
            due = tf.logical_and(stop > data.full, tf.equal(i, data.full))
            if self.job.proceed is not None:
                due = tf.logical_and(due, tf.logical_or(tf.equal(i, start), self.job.keep_on(logs)))
            i, logs = tf.cond(due, ragged, lambda: (i, logs))
        return i, self.job.finish(logs)

    def _run_whole(self, tensors: Any, key: Any) -> tuple[Any, Logs]:
        ordered = self._gather(self.data.for_epoch(tensors, key), key)
        return self._run_block(ordered, tf.constant(0), tf.constant(self.data.steps))

    def _run_single(self, source: Any, index: Any, ragged: bool) -> tuple[Any, Logs]:
        self.job.enter(index)
        size = self.data.remainder if ragged else self.data.batch_size
        logs = self._step(self._batch(source, index, size))
        return self.job.keep_on(logs), self.job.finish(logs)

"""Programs over data that arrive batch by batch."""

from typing import Any

import tensorflow as tf

from mlkit.training._programs import Job, Logs, function, traced
from mlkit.training._stream import Stream


class StreamProgram:
    """Runs blocks of steps over the batches of a dataset.

    Args:
        job: what to run.
        stream: the data.
        name: `"eager"`, `"step"` or `"fused"`.
        xla: whether XLA compiles the step. The loop stays outside: it has to fetch.
    """

    def __init__(self, job: Job, stream: Stream, name: str, xla: bool) -> None:
        self.job, self.data, self.name, self.xla = job, stream, name, xla
        eager = name == "eager"
        self._step = job.step if eager else function(job.step, jit_compile=xla or None)
        self._block = function(self._run_block, autograph=False)
        # One trace, for the shapes that the data declare and not for those that come first: a run
        # that goes on at the short last batch of an epoch would round differently.
        signature = (stream.element_spec, tf.TensorSpec([], tf.int32))
        self._single = (
            self._run_single if eager else function(self._run_single, signature, autograph=False)
        )

    def run(self, epoch: int, start: int, stop: int | None) -> tuple[Logs, int]:
        """Run the steps [start, stop) of an epoch, or fewer if the data end.

        Returns:
            What `finish` makes of the last step, and the number of steps that were run.
        """
        if self.name == "fused":
            return self._fused(self.data.iterator, start, 2**30 if stop is None else stop)
        logs: Logs = {}
        i = start
        while stop is None or i < stop:
            batch = next(self.data.iterator)
            if self.data.marked:
                batch, more = batch
                if not bool(more):
                    break
            go_on, logs = self._single(batch, tf.constant(i))
            i += 1
            if self.job.proceed is not None and not bool(go_on):
                break
        return logs, i - start

    def _fused(self, iterator: Any, start: int, stop: int) -> tuple[Logs, int]:
        reached, logs = self._block(iterator, tf.constant(start), tf.constant(stop))
        return logs, int(reached) - start

    def rehearse(self, start: int, stop: int) -> tuple[Logs, int]:
        """Run `fused` on the first batch over and over, to see how long its steps take."""
        return self._fused(self.data.rehearsal, start, stop)

    def concrete(self) -> Any:
        """The graph that blocks of `fused` run, traced if it was not yet."""
        return self._block.get_concrete_function(
            self.data.rehearsal, tf.constant(0), tf.constant(1)
        )

    def _run_single(self, batch: Any, index: Any) -> tuple[Any, Logs]:
        self.job.enter(index)
        logs = self._step(batch)
        return self.job.keep_on(logs), self.job.finish(logs)

    def _run_block(self, iterator: Any, start: Any, stop: Any) -> tuple[Any, Logs]:
        self.job.enter(start)
        marked = self.data.marked
        spec = iterator.element_spec[0] if marked else iterator.element_spec
        step, zeros = traced(self._step, spec)

        def run(i: Any, batch: Any) -> tuple[Any, Any, Logs]:
            logs = step(batch)
            return i + 1, self.job.keep_on(logs), logs

        def body(i: Any, _: Any, logs: Logs) -> tuple[Any, Any, Logs]:
            if not marked:
                return run(i, next(iterator))
            batch, more = next(iterator)
            return tf.cond(more, lambda: run(i, batch), lambda: (i, tf.constant(False), logs))

        i, _, logs = tf.while_loop(
            lambda i, go_on, _: tf.logical_and(i < stop, go_on),
            body,
            (start, tf.constant(True), zeros),
            parallel_iterations=1,
        )
        return i, self.job.finish(logs)

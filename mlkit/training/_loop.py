"""The outer loop: epochs, blocks, validation, callbacks."""

import time
import warnings
from typing import Any

import numpy as np

from mlkit.training._callbacks import Watchers
from mlkit.training._plan import Plan
from mlkit.training._private import resumed_epoch

# A block is at most this long, so that a signal, a time limit and the progress line are heard.
BLOCK_SECONDS = 1.0
# While nobody knows how long a step takes, a short epoch is run whole, of another the start.
FIRST_BLOCK_WHOLE, FIRST_BLOCK = 200, 32


def to_python(logs: dict[str, Any]) -> dict[str, Any]:
    """Tensors as Python floats; a metric with several values as an array."""
    values = {name: np.asarray(value) for name, value in logs.items()}
    return {name: float(v) if v.ndim == 0 else v for name, v in values.items()}


class Loop:
    """Runs a program block by block, and calls who wants to be called in between.

    Args:
        plan: what to do.
        program: has `run(epoch, start, stop) -> (logs, steps done)`.
        model: for `stop_training`.
        watching: the callbacks, the history and the progress line.
        engine: for the metrics.
    """

    def __init__(self, plan: Plan, program: Any, model: Any, watching: Any, engine: Any) -> None:
        self.plan, self.program, self.model, self.engine = plan, program, model, engine
        self.callbacks, self.progress = watching.list, watching.progress
        self.watchers = Watchers(self.callbacks.callbacks)
        self.update = 0
        self.seconds_a_step: float | None = None
        self.val_logs: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        """Run all epochs; returns the logs of the last."""
        logs: dict[str, Any] = {}
        first = resumed_epoch(self.model) or self.plan.initial_epoch
        for epoch in range(first, self.plan.epochs):
            logs = self._run_epoch(epoch)
            if self.model.stop_training or self._ended():
                break
        return logs

    def _ended(self) -> bool:
        limit = self.plan.max_updates
        return limit is not None and self.update >= limit

    def _run_epoch(self, epoch: int) -> dict[str, Any]:
        self.engine.reset_metrics()
        self.callbacks.on_epoch_begin(epoch)
        step, raw = self._run_steps(epoch)
        logs = self.engine.to_logs(raw)
        if self.plan.validate is not None:
            if self.plan.validate_every is None and self.plan.validate_epochs(epoch + 1):
                logs.update(self._validation())
            elif self.plan.validate_every is not None:
                logs.update(self.val_logs)
        if self.progress is not None:
            self.progress.finish_epoch(epoch, step, logs)
        # What callbacks save at the end of an epoch is what was validated.
        with self.engine.averaged():
            self.callbacks.on_epoch_end(epoch, logs)
        return logs

    def _validation(self) -> dict[str, Any]:
        validate = self.plan.validate
        logs = {} if validate is None else validate()
        return {f"val_{name}": value for name, value in logs.items()}

    def _run_steps(self, epoch: int) -> tuple[int, dict[str, Any]]:
        step, logs = 0, {}
        while self.plan.steps is None or step < self.plan.steps:
            stop = self._next_stop(step)
            self.watchers.batch_begin(step)
            began = time.perf_counter()
            block_logs, done = self.program.run(epoch, step, stop)
            if done == 0:
                self._data_ended(step)
                break
            logs = block_logs
            self._clock(time.perf_counter() - began, done)
            asked = stop
            step, self.update = step + done, self.update + done
            self._between_blocks(epoch, step, logs)
            if self.model.stop_training or self._ended():
                break
            if not self.watchers.nonfinite and (asked is None or step < asked):
                self._data_ended(step)
                break
        return step, logs

    def _between_blocks(self, epoch: int, step: int, logs: dict[str, Any]) -> None:
        if self.watchers.all:
            self.watchers.batch_end(step - 1, self.engine.to_logs(logs))
        if self.progress is not None and self.progress.live and step != self.plan.steps:
            self.progress.show(step, self.engine.to_logs(logs))
        every = self.plan.validate_every
        if every is not None and self.plan.validate is not None and self.update % every == 0:
            self.val_logs = self._validation()

    def _clock(self, seconds: float, done: int) -> None:
        """The first block of all includes tracing and compiling and is not counted."""
        if self.update > 0:
            self.seconds_a_step = seconds / done

    def _next_stop(self, step: int) -> int | None:
        """The step before which somebody must look next."""
        due = [self.watchers.next_update(self.update), self.plan.max_updates]
        every = self.plan.validate_every
        if every is not None:
            due.append((self.update // every + 1) * every)
        stops = [step + d - self.update for d in due if d is not None]
        if self.seconds_a_step is None:
            if self.plan.steps is None or self.plan.steps > FIRST_BLOCK_WHOLE:
                stops.append(step + FIRST_BLOCK)
        else:
            stops.append(step + max(1, int(BLOCK_SECONDS / max(self.seconds_a_step, 1e-9))))
        if self.plan.steps is not None:
            stops.append(self.plan.steps)
        return min(stops, default=None)

    def _data_ended(self, step: int) -> None:
        """The end of an epoch of unknown length; of any other, the end of the data."""
        if self.plan.steps is None and step > 0:
            return
        self.model.stop_training = True
        warnings.warn(
            f"The data ended after {step} of {self.plan.steps or 'at least 1'} batches of the "
            "epoch: training stops. Give fewer `steps_per_epoch`, or repeat the dataset.",
            stacklevel=2,
        )

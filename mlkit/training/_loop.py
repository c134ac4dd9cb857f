"""The outer loop: epochs, blocks, validation, callbacks."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from mlkit._state.variables import Snapshot
from mlkit.training._callbacks import Watchers
from mlkit.training._epoch_end import EpochEnd
from mlkit.training._plan import Plan
from mlkit.training._private import resumed_epoch

# A block is at most this long, so that a signal, a time limit and the progress line are heard.
BLOCK_SECONDS = 1.0
# While nobody knows how long a step takes, the first block has this many.
FIRST_BLOCK = 32
_POSITION = ("epoch", "step", "update")


def flat(logs: dict[str, Any]) -> dict[str, Any]:
    """The logs as Keras reports them: by name, a metric with several values laid flat."""
    found: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        found |= flat(value) if isinstance(value, dict) else {name: value}
    return found


def to_python(logs: dict[str, Any]) -> dict[str, Any]:
    """Tensors as Python floats, in Keras' order; a metric with a vector as an array."""
    values = {name: np.asarray(value) for name, value in flat(logs).items()}
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
        self.keeper: Any = None
        # Gives the program anew where a callback has changed what a traced step rests on.
        self.renew: Callable[[], Any] = lambda: program
        self._traced_for = model.train_function
        self.workers: Any = None
        self.epoch, self.step, self.update = 0, 0, 0
        self.in_block = self.ending = False
        # Of the epoch whose steps are done: its logs, and how far its end has come.
        self.end = EpochEnd()
        # Whether training ends only for now, and the update of the last save within an epoch.
        self.paused, self.saved_at = False, -1
        self.seconds_a_step: float | None = None
        self.val_logs: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        """Run all epochs that are left; returns the logs of the last."""
        logs: dict[str, Any] = {}
        first = resumed_epoch(self.model) or self.plan.initial_epoch
        facts = self.keeper.restore() if self.keeper is not None else None
        if facts is not None:
            first, self.step, self.update = (facts["position"][k] for k in _POSITION)
            self.model.stop_training, self.val_logs = facts["stopped"], facts["validation"]
            self.end = EpochEnd.restored(facts.get("end"))
        for epoch in range(first, self.plan.epochs):
            if self.model.stop_training and self.end.logs is None:
                break
            self.epoch = epoch
            try:
                logs = self._run_epoch(epoch)
            except Exception as error:
                self._save_after(error)
                raise
            self._agree()
            if self.workers is not None:
                self.workers.check_after_callbacks(self.model)
            self._save_epoch(logs)
            if self.model.stop_training:
                break
        return logs

    def _save_epoch(self, logs: dict[str, Any]) -> None:
        self.step = 0
        if self.keeper is None or (self.paused and self.saved_at == self.update):
            return  # a run whose time is up goes on within the epoch
        last = self.epoch + 1 == self.plan.epochs or self.model.stop_training
        every = self.keeper.save_every
        if (
            last
            or every is None
            or self.update % every == 0
            or self.keeper.signals.number is not None
        ):
            position = {"epoch": self.epoch + 1, "step": 0, "update": self.update}
            stopped = self.model.stop_training and not self.paused
            self.keeper.save(position, logs, self.val_logs, stopped=stopped)
        self.keeper.signals.obey()

    def _agree(self) -> None:
        """Several workers stop at the same place, whoever has the reason."""
        self.paused = any(getattr(c, "paused", False) for c in self.callbacks.callbacks)
        if self.workers is None:
            return
        signals = None if self.keeper is None else self.keeper.signals
        number = 0 if signals is None or signals.number is None else signals.number
        mine = [self.model.stop_training, number, self.paused]
        stop, number, paused = self.workers.largest(mine)
        self.model.stop_training, self.paused = bool(stop), bool(paused)
        if signals is not None and number:
            signals.number = number

    def save_here(self, stopped: bool = False) -> None:
        """Save between two blocks of an epoch, or while it ends."""
        self.saved_at = self.update
        position = {"epoch": self.epoch, "step": self.step, "update": self.update}
        self.keeper.save(position, {}, self.val_logs, stopped=stopped, end=self.end.kept())

    def _save_after(self, error: Exception) -> None:
        """Save what was learned before a callback failed, or the validation."""
        # Several workers save together, and only this one knows; in a block the state is no step's.
        if self.keeper is None or self.workers is not None or self.in_block or self.update == 0:
            return
        try:
            self.end.told = self.callbacks.place if self.ending else 0
            self.save_here(self.model.stop_training)
            # A failure of this save must not take the place of the error that led to it.
            self.keeper.checkpointer.wait()
            error.add_note(f"The run was saved at update {self.update}.")
        except Exception as second:
            error.add_note(f"The run could not be saved: {type(second).__name__}: {second}")

    def _run_epoch(self, epoch: int) -> dict[str, Any]:
        if self.step == 0:
            self.engine.reset_metrics()
        self.callbacks.on_epoch_begin(epoch)
        if self.end.logs is None:
            raw = self._run_steps(epoch) or self.model.get_metrics_result()
            self.end.logs = to_python(raw)
        logs = self.end.logs
        if self.plan.validate is not None and not self.end.validated:
            if self.plan.validate_every is None and self.plan.validate_epochs(epoch + 1):
                logs.update(self._validation())
            elif self.plan.validate_every is not None:
                logs.update(self.val_logs)
        self.end.validated = True
        if self.progress is not None:
            self.progress.finish_epoch(epoch, self.step, logs)
        # What callbacks save at the end of an epoch is what was validated.
        with self.engine.averaged():
            self.ending = True
            self.callbacks.on_epoch_end(epoch, logs, self.end.told)
            self.ending, self.end = False, EpochEnd()
        return logs

    def _validation(self) -> dict[str, Any]:
        validate = self.plan.validate
        logs = {} if validate is None else validate()
        return {f"val_{name}": value for name, value in logs.items()}

    def _run_steps(self, epoch: int) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        while self.plan.steps is None or self.step < self.plan.steps:
            stop = self._next_stop(self.step)
            self.watchers.batch_begin(self.step)
            self._renew_program()
            began = time.perf_counter()
            self.in_block = True
            block_logs, done = self.program.run(epoch, self.step, stop)
            if done == 0:
                self.in_block = False
                self._data_ended(self.step)
                break
            logs = block_logs
            self._clock(time.perf_counter() - began, done)
            self.step, self.update = self.step + done, self.update + done
            self.in_block = False
            self._between_blocks(logs)
            if self.model.stop_training:
                break
            if not self.watchers.nonfinite and (stop is None or self.step < stop):
                self._data_ended(self.step)
                break
        return logs

    def _renew_program(self) -> None:
        """`model.make_train_function(force=True)` is how a callback says that a layer thawed."""
        if self.model.train_function is not self._traced_for:
            self._traced_for = self.model.train_function
            self.program = self.renew()

    def _between_blocks(self, logs: dict[str, Any]) -> None:
        if self.watchers.all:
            self.watchers.batch_end(self.step - 1, to_python(logs))
        if self.progress is not None and self.progress.live and self.step != self.plan.steps:
            self.progress.show(self.step, to_python(logs))
        self._agree()
        every = self.plan.validate_every
        if every is not None and self.plan.validate is not None and self.update % every == 0:
            # Evaluation uses the metrics of the running epoch: they are put back.
            metrics = Snapshot(v for m in self.model.metrics for v in m.variables)
            try:
                self.val_logs = self._validation()
            finally:
                metrics.restore()
        if self.keeper is not None:
            self.keeper.checkpointer.raise_error()
        if self.keeper is not None and self.step != self.plan.steps:
            asked = self.keeper.signals.number is not None or self.paused
            if asked or self.keeper.due(self.update):
                self.save_here()
            self.keeper.signals.obey()

    def _clock(self, seconds: float, done: int) -> None:
        """The first block of all includes tracing and compiling and is not counted."""
        if self.update > 0:
            self.seconds_a_step = seconds / done

    def _next_stop(self, step: int) -> int | None:
        """The step before which somebody must look next."""
        due = [self.watchers.next_update(self.update)]
        if self.keeper is not None:
            due.append(self.keeper.next_save(self.update))
        every = self.plan.validate_every
        if every is not None:
            due.append((self.update // every + 1) * every)
        stops = [step + d - self.update for d in due if d is not None]
        if self.seconds_a_step is None:
            if not self.plan.in_one_call:
                stops.append(step + FIRST_BLOCK)
        else:
            stops.append(step + max(1, int(BLOCK_SECONDS / max(self.seconds_a_step, 1e-9))))
        if self.plan.steps is not None:
            stops.append(self.plan.steps)
        stop = min(stops, default=None)
        return stop if self.workers is None else self.workers.first_stop(stop)

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

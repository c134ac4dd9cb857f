"""Takes the fastest program for a job; see `_auto` for what it goes by."""

import time
from typing import Any

import keras
import tensorflow as tf

from mlkit._state.variables import Snapshot
from mlkit.training import _auto
from mlkit.training._arrays import Arrays
from mlkit.training._auto import Choice
from mlkit.training._engine import Engine
from mlkit.training._sources import Source

# A job of fewer updates is over before a measurement pays.
SHORT = 100
# Part of the job's time that measuring the plain program may take, and its bounds in seconds.
SHARE, LEAST, MOST = 0.01, 0.02, 0.5


class Chooser:
    """Chooses the program of one job.

    Args:
        engine: makes the programs.
        data: what the job trains on.
        updates: how many updates the job has; None where only the data know.
        variables: all that a step changes, to be put back after measuring.
    """

    def __init__(
        self, engine: Engine, data: Source, updates: int | None, variables: list[Any]
    ) -> None:
        self.engine, self.data, self.variables = engine, data, variables
        self.updates = updates
        resident = isinstance(data, Arrays)
        self.plain = Choice("epoch" if resident else "fused", False, "the plain program")

    def choose(self) -> Choice:
        """The program of this job."""
        asked = self.engine.asked_for(self.data)
        if asked is not None:
            if asked.xla:
                self._refuse_without_kernel()
            return asked
        if self.updates is None or self.updates <= SHORT:
            return self._plain(
                f"at most {SHORT} updates: nothing would pay"
                if self.updates
                else "the length of the job is not known"
            )
        counts = self._operations()
        key = _auto.job_key(counts, self.data.signature(), self.updates)
        known = _auto.remembered(key)
        if known is not None:
            return known
        choice = self._measured(counts)
        _auto.remember(key, choice)
        return choice

    def _refuse_without_kernel(self) -> None:
        missing = _auto.without_kernel(self._operations())
        if missing is not None:
            raise ValueError(
                f"The step cannot be compiled: {missing} has no XLA kernel. "
                f"Use execution={self.plain.name!r} or 'auto', or take the operation out."
            )

    def _plain(self, reason: str, seconds: float | None = None) -> Choice:
        return Choice(self.plain.name, False, reason, seconds)

    def _operations(self) -> dict[str, int]:
        batch = (
            self.data.head(self.data.batch_size)
            if isinstance(self.data, Arrays)
            else (self.data.first_batch())
        )
        spec = keras.tree.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), batch)
        step = tf.function(self.engine.steps["train"])
        return _auto.operations(step.get_concrete_function(spec))

    def _measured(self, counts: dict[str, int]) -> Choice:
        reason = _auto.obstacle(counts)
        if reason is not None:
            return self._plain(reason)
        snapshot = Snapshot(self.variables)
        plain, tracing = self._time(self.plain)
        snapshot.restore()
        if not _auto.worth_trying(counts, plain, tracing, self.updates or 0):
            return self._plain(f"{_micro(plain)} a step: compiling would not pay", plain)
        compiled = Choice(self.plain.name, True, "")
        try:
            fast, seconds = self._time(compiled)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            snapshot.restore()
            return self._plain(f"XLA cannot compile the step: {str(error).splitlines()[0]:.80}")
        snapshot.restore()
        if fast < plain:
            why = f"{_micro(fast)} a step against {_micro(plain)}, compiled in {seconds:.1f} s"
            return Choice(self.plain.name, True, why, fast)
        return self._plain(f"{_micro(plain)} a step, with XLA {_micro(fast)}", plain)

    def _time(self, choice: Choice) -> tuple[float, float]:
        """Seconds a step, and of the first call, which traces and compiles."""
        program = self.engine.program("train", self.data, choice)
        start = time.perf_counter()
        self._run(program, 0, 1)
        first = time.perf_counter() - start
        limit = min(self.data.steps or 1, self.updates or 1)
        # The second call is the first without tracing: it tells how long to measure.
        begin = time.perf_counter()
        self._run(program, 1, 2)
        job = (time.perf_counter() - begin) * (self.updates or 1)
        budget = min(max(SHARE * job, LEAST), MOST)
        pace, _ = _auto.time_steps(lambda a, b: self._run(program, a, b), limit, budget)
        return pace, first

    def _run(self, program: Any, start: int, stop: int) -> None:
        if isinstance(self.data, Arrays):
            logs, _ = program.run(0, start, min(stop, self.data.steps))
            for value in logs.values():
                value.numpy()
            return
        self._run_on_one_batch(program, stop - start)

    def _run_on_one_batch(self, program: Any, count: int) -> None:
        """A stream cannot be put back: its first batch stands for all."""
        batch = self.data.first_batch()  # type: ignore[union-attr]
        for _ in range(count):
            program.time_one(batch)


def _micro(seconds: float) -> str:
    micro = seconds * 1e6
    return f"{micro:.0f} µs" if micro < 10_000 else f"{micro / 1000:.0f} ms"

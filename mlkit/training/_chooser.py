"""Takes the fastest program for a job; see `_auto` for what it goes by."""

import time
from typing import Any

import tensorflow as tf

from mlkit._state.variables import Snapshot
from mlkit.training import _auto
from mlkit.training._arrays import Arrays
from mlkit.training._auto import Choice
from mlkit.training._engine import Engine
from mlkit.training._sources import Source

# A job of fewer updates is over before a measurement pays.
SHORT = 100
# Measuring runs an epoch or two where epochs go on in one call each: fewer are too few for that.
MANY_EPOCHS = 50
# Part of the job's time that measuring the plain program may take, and its bounds in seconds.
SHARE, LEAST, MOST = 0.01, 0.02, 0.5


class Chooser:
    """Chooses the program of one job.

    Args:
        engine: makes the programs.
        data: what the job trains on.
        updates: how many updates the job has; None where only the data know.
        variables: all that a step changes, to be put back after measuring.
        watch: whether a block ends with the first loss that is not finite.
        whole: whether the epochs of this job can go on in one call each.
    """

    def __init__(
        self,
        engine: Engine,
        data: Source,
        updates: int | None,
        variables: list[Any],
        watch: bool = False,
        whole: bool = False,
    ) -> None:
        self.engine, self.data, self.variables = engine, data, variables
        self.updates, self.watch, self.whole = updates, watch, whole
        twice = isinstance(data, Arrays) and data.fits
        self.plain = Choice("epoch" if twice else "fused", False, "the plain program")

    def choose(self) -> Choice:
        """The program of this job."""
        asked = self.engine.asked_for(self.data)
        if asked is not None:
            if asked.xla:
                self._refuse_without_kernel()
            return asked
        if self.engine.no_xla is not None:
            return self._plain(self.engine.no_xla)
        if not self.data.dense:
            return self._plain("XLA takes no sparse or ragged batches")
        if self.updates is None or self.updates <= SHORT:
            return self._plain(
                f"at most {SHORT} updates: nothing would pay"
                if self.updates
                else "the length of the job is not known"
            )
        self.whole = self.whole and self.updates >= MANY_EPOCHS * (self.data.steps or self.updates)
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
        """The operations of the plain program, which is traced here and kept for the job."""
        program = self._program(self.plain)
        key = ("operations", self.watch, self.data.signature())
        return self.engine.kept(key, lambda: _auto.operations(program.concrete()))

    def _program(self, choice: Choice) -> Any:
        return self.engine.program("train", self.data, choice, self.watch, self.whole)

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
        program = self._program(choice)
        if self.whole:
            return self._time_epochs(program)
        start = time.perf_counter()
        self._run(program, 0, 1)
        first = time.perf_counter() - start
        limit = min(self.data.steps or self.updates or 1, self.updates or 1)
        # The second call is the first without tracing: it tells how long to measure.
        begin = time.perf_counter()
        self._run(program, 1, 2)
        job = (time.perf_counter() - begin) * (self.updates or 1)
        budget = min(max(SHARE * job, LEAST), MOST)
        pace, _ = _auto.time_steps(lambda a, b: self._run(program, a, b), limit, budget)
        return pace, first

    def _time_epochs(self, program: Any) -> tuple[float, float]:
        """As `_time`, where an epoch is one call: the first compiles, the second tells."""
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            self._run(program, 0, self.data.steps or 1)
            seconds.append(time.perf_counter() - start)
        return seconds[1] / (self.data.steps or 1), seconds[0]

    def _run(self, program: Any, start: int, stop: int) -> None:
        """Run some steps and wait; of a stream, which cannot be put back, on its first batch."""
        if isinstance(self.data, Arrays):
            logs, _ = program.run(0, start, min(stop, self.data.steps))
        else:
            logs, _ = program.rehearse(start, stop)
        for value in logs.values():
            value.numpy()


def _micro(seconds: float) -> str:
    micro = seconds * 1e6
    return f"{micro:.0f} µs" if micro < 10_000 else f"{micro / 1000:.0f} ms"

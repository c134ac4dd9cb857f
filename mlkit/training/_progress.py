"""The progress line: one a epoch, rewritten in place where the output can do that."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import keras


def in_notebook() -> bool:
    """Whether the output is a notebook cell: a line can be rewritten there too."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def duration(seconds: float) -> str:
    """Seconds for a person: `0.4s`, `12s`, `3m05s`, `2h07m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
    return str(value)


class Progress(keras.callbacks.Callback):
    """Prints a line an epoch: updates, examples a second, time, metrics.

    In a terminal and a notebook the line of the running epoch is rewritten, at most five times a
    second; in a file and on a dumb terminal only finished epochs are printed, a line each.

    Args:
        verbose: 1, or 2 for one line an epoch everywhere.
        batch_size: examples an update, for the rate; default: no rate.
        stream: where to; default: standard output.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        verbose: int = 1,
        batch_size: int | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.stream = stream or sys.stdout
        self.clock = clock
        terminal = self.stream.isatty() and _not_dumb()
        self.live = verbose == 1 and (terminal or (stream is None and in_notebook()))
        self._width = 0
        self._shown = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin = self.clock()
        self._first: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._first = epoch if self._first is None else self._first
        self._epoch_begin = self.clock()
        self._steps_done = 0

    def show(self, step: int, logs: Any) -> None:
        """Rewrite the running epoch's line; `step` updates of it are done."""
        now = self.clock()
        if not self.live or now - self._shown < 0.2:
            return
        self._shown = now
        self._steps_done = step
        steps = self.params.get("steps")
        spent = now - self._epoch_begin
        parts = [self._head(), f"{step}/{steps or '?'}"]
        if steps:
            left = spent / max(step, 1) * (steps - step)
            left += (self.params["epochs"] - self._epoch - 1) * spent / max(step, 1) * steps
            parts.append(f"{duration(left)} left")
        self._write("  ".join([*parts, *self._rate(step, spent), self._metrics(logs)]), "\r")

    def finish_epoch(self, epoch: int, steps: int, logs: Any) -> None:
        """Print the line of a finished epoch."""
        spent = self.clock() - self._epoch_begin
        parts = [self._head(), f"{steps} updates", duration(spent), *self._rate(steps, spent)]
        self._write("  ".join([*parts, self._metrics(logs)]), "\n")

    def _head(self) -> str:
        total = str(self.params["epochs"])
        return f"epoch {self._epoch + 1:{len(total)}d}/{total}"

    def _rate(self, steps: int, spent: float) -> list[str]:
        if not self.batch_size or spent <= 0:
            return []
        rate = steps * self.batch_size / spent
        return [f"{rate / 1000:.1f}k/s" if rate >= 1000 else f"{rate:.0f}/s"]

    def _metrics(self, logs: Any) -> str:
        return "  ".join(f"{name} {number(value)}" for name, value in (logs or {}).items())

    def _write(self, line: str, end: str) -> None:
        pad = " " * max(0, self._width - len(line)) if self.live else ""
        self._width = 0 if end == "\n" else len(line)
        self.stream.write(
            (("\r" if self.live else "") + line + pad).rstrip("\r") + ("\n" if end == "\n" else "")
        )
        self.stream.flush()


def _not_dumb() -> bool:
    import os

    return os.environ.get("TERM", "") not in ("", "dumb")

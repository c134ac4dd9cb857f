"""Signals that end a run: noted when they come, obeyed when the state is saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Ended from outside: a terminal, a scheduler, Slurm's warning before its time limit.
_LISTENED_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Signals:
    """Notes the first signal that asks a run to end.

    Args:
        still: from the frame that a signal interrupts to whether the run is still going on. One
            that an error has ended without telling must not hold signals back. Default: always.

    Attributes:
        number: of the signal; None while there was none.
    """

    def __init__(self, still: Callable[[Any], bool] | None = None) -> None:
        self.number: int | None = None
        self._still = still
        self._before: dict[int, Any] = {}

    def _note(self, number: int, frame: Any) -> None:
        if self._still is not None and not self._still(frame):
            self._put_back()
            signal.raise_signal(number)
            return
        if self.number is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        self.number = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signals are noted while the block runs; only the main thread may listen."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._before = {s: signal.getsignal(s) for s in _LISTENED_TO}
        for s in _LISTENED_TO:
            signal.signal(s, self._note)
        try:
            yield
        finally:
            self._put_back()

    def _put_back(self) -> None:
        for s, handler in self._before.items():
            signal.signal(s, handler)
        self._before = {}

    def obey(self) -> None:
        """End as the signal asked for: `KeyboardInterrupt`, or exit status 128 + its number."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is not None:
            raise SystemExit(128 + self.number)

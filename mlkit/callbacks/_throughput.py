"""How fast training is."""

import time
from collections.abc import Mapping
from typing import Any

from mlkit._core.checks import check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._logging_callback import LoggingCallback


class Throughput(LoggingCallback):
    """Logs the time of a step, examples a second and the time that is left.

    The clock is read where a line is written, and nowhere else: the time of a step is the mean
    since the last line, with what other callbacks took. Time outside of epochs' steps (validation)
    does not count. The first updates of a run trace and compile, and are in the first line.

    Args:
        batch_size: examples an update, for the rate, ≥ 1. Default None: no rate.
        every: updates between two lines, ≥ 1. Default 100.
        to: where to: a path ending in `.csv` or `.jsonl`, a directory for TensorBoard, or an object
            with `write(step, values)` and `close()`. Default None: `history` only.

    Attributes:
        history: `(update, values)` of each line: `step_seconds`, `examples_per_second`, and, where
            the length of an epoch is known, `seconds_left`.

    Raises:
        ValueError: an argument is less than 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> speed = mk.callbacks.Throughput(batch_size=4, every=2)
        >>> x = np.ones((16, 2), "float32")
        >>> history = model.fit(x, x[:, :1], batch_size=4, verbose=0, callbacks=[speed])
        >>> [update for update, values in speed.history]
        [2, 4]
    """

    def __init__(self, batch_size: int | None = None, *, every: int = 100, to: Any = None) -> None:
        super().__init__(every, to)
        if batch_size is not None:
            check_integer("batch_size", batch_size, low=1)
        self.batch_size = batch_size
        self._spent = self._since = 0.0
        self._counted = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._since = time.perf_counter()
        if epoch == 0 or not self.history:
            self._spent, self._counted = 0.0, self.update

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._spent += self._last - self._since

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._last = time.perf_counter()
        super().on_train_batch_end(batch, logs)

    def measure(self, logs: Logs) -> Mapping[str, float]:
        spent = self._spent + self._last - self._since
        step = spent / max(self.update - self._counted, 1)
        self._spent, self._since, self._counted = 0.0, self._last, self.update
        values = {"step_seconds": step}
        if self.batch_size is not None:
            values["examples_per_second"] = self.batch_size / max(step, 1e-12)
        params = self.params or {}
        if params.get("steps") and params.get("epochs"):
            epoch = self._epoch or 0
            done = epoch * params["steps"] + self.update - self._epoch_start
            values["seconds_left"] = max(params["epochs"] * params["steps"] - done, 0) * step
        return values

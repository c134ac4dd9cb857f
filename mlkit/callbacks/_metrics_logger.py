"""The metrics of a run, to wherever they are wanted."""

from typing import Any

import numpy as np

from mlkit._core.types import Logs
from mlkit.callbacks._logging_callback import LoggingCallback
from mlkit.callbacks._model_state import rates


class MetricsLogger(LoggingCallback):
    """Writes metrics and learning rates to a file, TensorBoard, MLflow or W&B.

    Each `every` updates come the metrics of the running epoch and the rates, after each epoch those
    of the whole epoch as `epoch/loss` and of the validation as `epoch/val_loss`, both with the
    update as their step. A metric of several values is one entry a value: `f1/0`, `f1/1`.

    Args:
        to: where to: a path ending in `.jsonl` (or in `.csv`, which has one set of columns, so give
            `every=None`), a directory for TensorBoard, or an object with `write(step, values)` and
            `close()`, such as `mk.callbacks.MLflowSink` and `mk.callbacks.WandbSink`. Default None:
            `history` only.
        every: updates between two lines, ≥ 1; None: lines after epochs only. Default 100.

    Attributes:
        history: `(update, {name: value})` of each line.

    Raises:
        ValueError: `every` is less than 1.
        TypeError: `to` is nothing to write to.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> log = mk.callbacks.MetricsLogger("metrics.jsonl", every=2)
        >>> x = np.ones((16, 2), "float32")
        >>> history = model.fit(x, x[:, :1], batch_size=4, verbose=0, callbacks=[log])
        >>> [(update, sorted(values)) for update, values in log.history]
        [(2, ['learning_rate', 'loss']), (4, ['epoch/loss', 'learning_rate', 'loss'])]
    """

    def __init__(self, to: Any = None, *, every: int | None = 100) -> None:
        super().__init__(1 if every is None else every, to)
        self.every: Any = every
        self._line: dict[str, float] = {}
        self._at = 0

    def next_update(self, update: int) -> int | None:
        return None if self.every is None else super().next_update(update)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._line, self._at = {}, 0

    def on_update(self, update: int, logs: Logs) -> None:
        # The last update of an epoch and its end are one line: a step is written once.
        self._flush()
        self._at, self._line = update, {**_numbers(logs), **rates(self.model)}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self._at != self.update:
            self._flush()
        self._line |= {f"epoch/{name}": value for name, value in _numbers(logs or {}).items()}
        self._at = self.update
        self._flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._flush()
        super().on_train_end(logs)

    def _flush(self) -> None:
        if self._line:
            self.record(self._at, self._line)
        self._line = {}

    def get_state(self) -> dict[str, Any]:
        self._flush()
        return super().get_state()


def _numbers(logs: Logs) -> dict[str, float]:
    """Each number by its name, those of an array by name and place."""
    found: dict[str, float] = {}
    for name, value in logs.items():
        array = np.asarray(value)
        if array.ndim == 0:
            found[name] = float(array)
        else:
            found |= {f"{name}/{i}": float(one) for i, one in enumerate(array.ravel())}
    return found

"""Validation by updates, and a stop when it no longer helps."""

from collections.abc import Mapping
from typing import Any

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.types import Logs
from mlkit._state.variables import Snapshot
from mlkit.callbacks._logging_callback import LoggingCallback
from mlkit.callbacks._model_state import metric_variables
from mlkit.callbacks._monitor import Monitor, say


class StepEvaluator(LoggingCallback):
    """Evaluates each so many updates, and can stop training by what it finds.

    For runs of few long epochs. The metrics of the running epoch are put back afterwards, which
    `model.evaluate` in a callback does not do.

    Args:
        x: inputs (or a dataset of batches) to evaluate on.
        y: targets. Default None: `x` yields them.
        every: updates between two evaluations, ≥ 1. Default 1000.
        batch_size: examples a batch, for arrays. Default 32.
        patience: evaluations without an improvement after which training stops, ≥ 1. Default None:
            it never does.
        monitor: metric to judge by, as `evaluate` names it. Default `"loss"`.
        mode: `"min"`, `"max"`, or `"auto"`: by the name. Default `"auto"`.
        min_delta: least change that counts as an improvement, ≥ 0. Default 0.
        to: where to: a path ending in `.csv` or `.jsonl`, a directory for TensorBoard, or an object
            with `write(step, values)` and `close()`. Default None: `history` only.
        verbose: 1 says on stdout why training was stopped. Default 0.

    Attributes:
        history: `(update, metrics)` of each evaluation.
        best: the best value of `monitor`, or None.
        stopped_update: update at which training was stopped, or None.

    Raises:
        ValueError: an argument out of its range; `monitor` is no metric of the model.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((16, 2), "float32")
        >>> look = mk.callbacks.StepEvaluator(x, x[:, :1], every=2)
        >>> history = model.fit(x, x[:, :1], batch_size=4, verbose=0, callbacks=[look])
        >>> [update for update, metrics in look.history]
        [2, 4]
    """

    # It can stop the training, and evaluates: of several workers all must call it.
    on_all_workers = True

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        every: int = 1000,
        batch_size: int = 32,
        patience: int | None = None,
        monitor: str = "loss",
        mode: str = "auto",
        min_delta: float = 0.0,
        to: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(every, to)
        check_integer("batch_size", batch_size, low=1)
        if patience is not None:
            check_integer("patience", patience, low=1)
        check_number("min_delta", min_delta, low=0)
        check_choice("verbose", verbose, (0, 1))
        self.x, self.y, self.batch_size, self.patience = x, y, batch_size, patience
        self.monitor, self.mode, self.min_delta, self.verbose = monitor, mode, min_delta, verbose
        self._monitor = Monitor(monitor, mode, "StepEvaluator")
        self.best: float | None = None
        self.wait = 0
        self.stopped_update: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self.best, self.wait, self.stopped_update = None, 0, None

    def measure(self, logs: Logs) -> Mapping[str, float]:
        model: Any = self.model
        kept = Snapshot(metric_variables(model))
        batch = {} if self.y is None else {"batch_size": self.batch_size}
        found = model.evaluate(self.x, self.y, verbose=0, return_dict=True, **batch)
        kept.restore()
        return {name: float(value) for name, value in found.items() if value is not None}

    def on_update(self, update: int, logs: Logs) -> None:
        values = self.measure(logs)
        self.record(update, values)
        value = self._monitor.value(values)
        if value is None:
            return
        if self.best is None or self._monitor.better(value, self.best, self.min_delta):
            self.best, self.wait = value, 0
            return
        self.wait += 1
        if self.patience is not None and self.wait >= self.patience:
            self.stopped_update = update
            self.model.stop_training = True
            say(self, f"stopped at update {update}: {self.monitor} was best at {self.best:.4g}.")

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "best": self.best, "wait": self.wait}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.best, self.wait = state["best"], state["wait"]

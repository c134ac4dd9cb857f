"""Progress bars by tqdm."""

import time
from typing import Any

from mlkit._core.checks import check_bool, check_number
from mlkit._core.optional import require
from mlkit._core.types import Logs
from mlkit.callbacks._update_callback import UpdateCallback

_OVERALL = "{l_bar}{bar} {n_fmt}/{total_fmt} ETA: {remaining}s,  {rate_fmt}{postfix}"
_EPOCH = "{n_fmt}/{total_fmt}{bar} ETA: {remaining}s - {desc}"


class TQDMProgressBar(UpdateCallback):
    """Shows training by the bars of tqdm, in terminals and in notebooks.

    One bar counts epochs, another the batches of the running epoch; `evaluate` gets one as well.
    Give `verbose=0` to `fit`, or Keras' own bar is shown beside them. In `mk.fit` the bar moves
    where a block of steps ends, which is `update_per_second` times a second once the pace is known:
    no step waits for it.

    Args:
        metrics_separator: between two metrics. Default `" - "`.
        overall_bar_format: tqdm's format of the bar of epochs.
        epoch_bar_format: tqdm's format of the bar of batches; `{desc}` holds the metrics.
        metrics_format: format of a metric, with `name` and `value`. Default
            `"{name}: {value:0.4f}"`.
        update_per_second: how often a bar is drawn anew at most, above 0. Default 10.
        leave_epoch_progress: whether the bar of an epoch stays when it is over. Default True.
        leave_overall_progress: the same of the bar of epochs. Default True.
        show_epoch_progress: whether there is a bar of batches. Default True.
        show_overall_progress: whether there is a bar of epochs. Default True.

    Raises:
        ImportError: tqdm is not installed.
        ValueError: `update_per_second` is not above 0.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> bar = mk.callbacks.TQDMProgressBar(show_epoch_progress=False)
        >>> x = np.zeros((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], verbose=0, callbacks=[bar])
        >>> bar.metrics_text
        'loss: 0.0000'

    Reference:
        TensorFlow Addons 0.23, 2023, `TQDMProgressBar`, https://github.com/tensorflow/addons.
        Differs from it in closing its bars when training breaks off, and in metrics with several
        values, of which it shows none.
    """

    def __init__(
        self,
        metrics_separator: str = " - ",
        overall_bar_format: str = _OVERALL,
        epoch_bar_format: str = _EPOCH,
        metrics_format: str = "{name}: {value:0.4f}",
        update_per_second: float = 10,
        leave_epoch_progress: bool = True,
        leave_overall_progress: bool = True,
        show_epoch_progress: bool = True,
        show_overall_progress: bool = True,
    ) -> None:
        super().__init__()
        check_number("update_per_second", update_per_second, low=0, open_low=True)
        check_bool("leave_epoch_progress", leave_epoch_progress)
        check_bool("leave_overall_progress", leave_overall_progress)
        check_bool("show_epoch_progress", show_epoch_progress)
        check_bool("show_overall_progress", show_overall_progress)
        self._tqdm: Any = require("tqdm.auto", extra="progress", purpose="TQDMProgressBar")
        self.metrics_separator = metrics_separator
        self.overall_bar_format = overall_bar_format
        self.epoch_bar_format = epoch_bar_format
        self.metrics_format = metrics_format
        self.update_per_second = update_per_second
        self.leave_epoch_progress = leave_epoch_progress
        self.leave_overall_progress = leave_overall_progress
        self.show_epoch_progress = show_epoch_progress
        self.show_overall_progress = show_overall_progress
        self.metrics_text = ""
        self._overall: Any = None
        self._bar: Any = None
        self._training = False
        self._steps: int | None = None

    def next_update(self, update: int) -> int | None:
        """As many updates on as are done between two drawings of the bar."""
        if self._bar is None or update <= self._epoch_start:
            return None
        spent = time.perf_counter() - self._epoch_begin
        pace = (update - self._epoch_start) / max(spent, 1e-9)
        return update + max(1, int(pace / self.update_per_second))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._training = True
        self._steps = self._params().get("steps")
        if self.show_overall_progress:
            self._overall = self._tqdm.tqdm(
                desc="Training",
                total=self._params().get("epochs"),
                bar_format=self.overall_bar_format,
                leave=self.leave_overall_progress,
                dynamic_ncols=True,
                unit="epochs",
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch_begin = time.perf_counter()
        if self._overall is not None:
            # A resumed run begins in a later epoch.
            self._overall.n = epoch
            self._overall.refresh()
        if self.show_epoch_progress:
            self._tqdm.tqdm.write(f"Epoch {epoch + 1}/{self._params().get('epochs', '?')}")
            self._bar = self._new_bar(self._steps)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self._move(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        # An epoch of unknown length tells the length of the next.
        self._steps = self._steps or self.update - self._epoch_start
        super().on_epoch_end(epoch, logs)
        self._finish_bar(logs)
        if self._overall is not None:
            self._overall.update(1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False
        for bar in (self._bar, self._overall):
            if bar is not None:
                bar.close()
        self._bar = self._overall = None

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training and self.show_epoch_progress:
            self._tqdm.tqdm.write("Evaluating")
            self._bar = self._new_bar(self._params().get("steps"))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._training:
            self._move(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._finish_bar(logs)

    def _params(self) -> dict[str, Any]:
        return self.params or {}

    def _new_bar(self, total: int | None) -> Any:
        return self._tqdm.tqdm(
            total=total,
            bar_format=self.epoch_bar_format,
            leave=self.leave_epoch_progress,
            mininterval=1.0 / self.update_per_second,
            dynamic_ncols=True,
            unit="batches",
        )

    def _move(self, batch: int, logs: Logs | None) -> None:
        if self._bar is None:
            return
        self._bar.set_description_str(self._text(logs), refresh=False)
        self._bar.update(batch + 1 - self._bar.n)

    def _finish_bar(self, logs: Logs | None) -> None:
        self.metrics_text = self._text(logs)
        if self._bar is not None:
            self._bar.set_description_str(self.metrics_text, refresh=False)
            if self._bar.total is None or self._bar.n > self._bar.total:
                self._bar.total = self._bar.n
            self._bar.refresh()
            self._bar.close()
            self._bar = None

    def _text(self, logs: Logs | None) -> str:
        shown = [
            self.metrics_format.format(name=name, value=float(value))
            for name, value in (logs or {}).items()
            if getattr(value, "ndim", 0) == 0
        ]
        return self.metrics_separator.join(shown)

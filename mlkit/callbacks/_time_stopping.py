"""A limit on the time that training takes."""

import math
import sys
import time
from datetime import datetime, timedelta
from typing import Any

import keras

from mlkit._core.checks import check_choice, check_number
from mlkit._core.types import Logs


class TimeStopping(keras.callbacks.Callback):
    """Stops training when its time is up.

    Looked at after each batch and after each epoch, so that training ends at most one batch (one
    call of the compiled step, with `steps_per_execution`) and what follows an epoch after the
    limit. In `mk.fit` it is looked at after each block of steps: a block takes about a second at
    most, the first one at most 200 updates, and none is cut short for this callback. Validation
    that has begun is not cut short. Time counts from `on_train_begin`, anew for each call of `fit`.

    A run that is resumed (`run=`, `Resume`) has what its earlier parts have left of `seconds`; for
    the time that a job has, give `deadline`. In `mk.fit` a run whose time was up is saved where it
    stands, and started again with more time it goes on from there in the same bits.

    Args:
        seconds: time that training may take, in seconds, above 0. Default 86400, a day.
        verbose: 0 is silent; 1 says on stdout when and why training was stopped. Default 0.
        deadline: moment at which to stop in any case, as Unix time in seconds, such as
            `int(os.environ["SLURM_JOB_END_TIME"]) - 120`. Default None: none.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> stop = mk.callbacks.TimeStopping(seconds=0.001)
        >>> x = np.zeros((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=100, verbose=0, callbacks=[stop])
        >>> len(history.epoch)
        1

    Reference:
        TensorFlow Addons 0.23, 2023, `TimeStopping`, https://github.com/tensorflow/addons.
        Differs from it in looking after each batch, not only after each epoch, in `deadline`, and
        in a clock that a change of the system's time does not move.
    """

    def __init__(
        self, seconds: float = 86400, verbose: int = 0, *, deadline: float | None = None
    ) -> None:
        super().__init__()
        check_number("seconds", seconds, low=0, open_low=True)
        check_choice("verbose", verbose, (0, 1))
        if deadline is not None:
            check_number("deadline", deadline, low=0)
        self.seconds = seconds
        self.verbose = verbose
        self.deadline = deadline
        self.stopped_epoch: int | None = None
        self._begin = math.inf
        self._epoch = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.stopped_epoch = None
        self._begin = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._look()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch is not None and self.verbose:
            # Whole seconds: the limit is not kept more closely than a batch.
            elapsed = timedelta(seconds=round(time.monotonic() - self._begin))
            sys.stdout.write(
                f"TimeStopping: stopped in epoch {self.stopped_epoch + 1} after {elapsed} "
                f"({self._limit()}).\n"
            )

    def next_update(self, update: int) -> int | None:
        """None: no update in particular, as blocks end often enough."""
        return None

    @property
    def paused(self) -> bool:
        """Whether time was up before the run was at its end: with more time it goes on."""
        return self.stopped_epoch is not None

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs to go on."""
        return {"seconds": time.monotonic() - self._begin}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._begin = time.monotonic() - state["seconds"]

    def _look(self) -> None:
        up = time.monotonic() - self._begin >= self.seconds
        late = self.deadline is not None and time.time() >= self.deadline
        if (up or late) and not getattr(self.model, "stop_training", False):
            self.stopped_epoch = self._epoch
            self.model.stop_training = True

    def _limit(self) -> str:
        if self.deadline is None:
            return f"seconds={self.seconds:g}"
        moment = datetime.fromtimestamp(self.deadline).astimezone().isoformat(timespec="seconds")
        return f"seconds={self.seconds:g}, deadline {moment}"

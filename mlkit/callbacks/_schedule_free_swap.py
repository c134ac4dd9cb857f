"""Validation of the averages that an optimizer keeps."""

from typing import Any

import keras

from mlkit._core.types import Logs
from mlkit._state.variables import Snapshot
from mlkit.callbacks._claims import claim
from mlkit.callbacks._model_state import optimizers_of
from mlkit.optimizers._base_average import BaseAverage


class ScheduleFreeSwap(keras.callbacks.Callback):
    """Validates the model that a schedule-free optimizer means, not the one it trains.

    With `mk.optimizers.ScheduleFree`, the model holds y while it trains, and the average x is the
    model that is meant. For each validation x is put into the model, and then y is put back to the
    bit, so that training is the same with and without this callback. At its end `fit` puts x in by
    itself. For `mk.optimizers.SWA` and `mk.optimizers.MovingAverage` it does the same.

    The metrics of training are those of y. The statistics of batch normalisation are those of y
    too: `mk.callbacks.StochasticWeightAveraging` has means to compute them anew. What other
    callbacks save at the end of an epoch is y; `mk.callbacks.AverageModelCheckpoint` saves x.

    Raises:
        ValueError: the optimizer keeps no such average; another callback puts weights into the
            model when training ends.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile(mk.optimizers.ScheduleFree(mk.optimizers.SGD(0.1)), "mse")
        >>> x = np.ones((8, 2), "float32")
        >>> data, swap = (x, x[:, :1]), mk.callbacks.ScheduleFreeSwap()
        >>> history = model.fit(*data, validation_data=data, verbose=0, callbacks=[swap])
        >>> bool(model.evaluate(*data, verbose=0) == history.history["val_loss"][-1])
        True

    Reference:
        Defazio et al., 2024, https://arxiv.org/abs/2405.15682. Differs from
        `keras.callbacks.SwapEMAWeights` in what it knows, and in that `predict` is left alone.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    claims = ("weights",)

    def __init__(self) -> None:
        super().__init__()
        self._kept: Snapshot | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        claim(self)
        self._kept = None
        for optimizer in self._optimizers():
            if not isinstance(optimizer, BaseAverage):
                raise ValueError(
                    f"ScheduleFreeSwap: {type(optimizer).__name__} keeps no averages. Put "
                    "mk.optimizers.ScheduleFree around it."
                )

    def on_test_begin(self, logs: Logs | None = None) -> None:
        model: Any = self.model
        self._put_back()
        self._kept = Snapshot(model.trainable_variables)
        for optimizer in self._optimizers():
            optimizer.assign_average_vars(model.trainable_variables)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put_back()

    def on_train_end(self, logs: Logs | None = None) -> None:
        # An error within a validation.
        self._put_back()

    def _put_back(self) -> None:
        if self._kept is not None:
            self._kept.restore()
        self._kept = None

    def _optimizers(self) -> list[Any]:
        return list(optimizers_of(self.model.optimizer).values())

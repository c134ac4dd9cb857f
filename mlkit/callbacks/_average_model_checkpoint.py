"""Checkpoints of averaged weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from mlkit._core.checks import check_bool
from mlkit._core.types import Logs
from mlkit._state.callbacks import find_direction, keras_state, set_keras_state
from mlkit._state.variables import Snapshot
from mlkit.callbacks._model_state import optimizers_of
from mlkit.callbacks._update_callback import multiple_after


class AverageModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Saves the model with the averaged weights that its optimizer keeps.

    A `keras.callbacks.ModelCheckpoint` for optimizers that average: `use_ema=True` of all of Keras'
    own, and every other whose `finalize_variable_values` writes averages into the variables.
    Training goes on with the weights themselves unless `update_weights` is set.

    Args:
        update_weights: whether the averages stay in the model after saving.
        filepath: as for `keras.callbacks.ModelCheckpoint`.
        monitor: likewise. Default `"val_loss"`.
        verbose: likewise. Default 0.
        save_best_only: likewise. Default False.
        save_weights_only: likewise. Default False.
        mode: likewise. Default `"auto"`.
        save_freq: likewise: `"epoch"`, or updates between two files. Default `"epoch"`.
        **kwargs: as for `keras.callbacks.ModelCheckpoint`.

    Raises:
        ValueError: the optimizer keeps no averages.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile(mk.optimizers.SGD(use_ema=True), "mse")
        >>> save = mk.callbacks.AverageModelCheckpoint(False, "average.weights.h5",
        ...                                            save_weights_only=True)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], verbose=0, callbacks=[save])
        >>> import os; os.path.exists("average.weights.h5")
        True

    Reference:
        TensorFlow Addons 0.23, 2023, `AverageModelCheckpoint`,
        https://github.com/tensorflow/addons. Differs from it in the optimizers that it knows.
    """

    def __init__(
        self,
        update_weights: bool,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        **kwargs: Any,
    ) -> None:
        check_bool("update_weights", update_weights)
        super().__init__(
            filepath,
            monitor=monitor,
            verbose=verbose,
            save_best_only=save_best_only,
            save_weights_only=save_weights_only,
            mode=mode,
            save_freq=save_freq,
            **kwargs,
        )
        self.update_weights = update_weights

    def next_update(self, update: int) -> int | None:
        """The multiples of `save_freq`."""
        return None if self.save_freq == "epoch" else multiple_after(self.save_freq, update)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        for optimizer in optimizers_of(self.model.optimizer).values():
            own = type(optimizer).finalize_variable_values
            if not optimizer.use_ema and own is keras.Optimizer.finalize_variable_values:
                raise ValueError(
                    f"AverageModelCheckpoint: {type(optimizer).__name__} keeps no averages. "
                    "Construct it with use_ema=True."
                )

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq != "epoch":
            find_direction(self)
            with self._averages():
                super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_best_only and self.monitor not in (logs or {}):
            raise ValueError(
                f"AverageModelCheckpoint watches monitor={self.monitor!r}, which is not reported. "
                f"There are: {', '.join(logs or {})}."
            )
        with self._averages():
            super().on_epoch_end(epoch, logs)

    @contextmanager
    def _averages(self) -> Iterator[None]:
        model: Any = self.model
        kept = Snapshot(model.trainable_variables)
        model.optimizer.finalize_variable_values(model.trainable_variables)
        try:
            yield
        finally:
            if not self.update_weights:
                kept.restore()

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs to go on."""
        return keras_state(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        set_keras_state(self, state)

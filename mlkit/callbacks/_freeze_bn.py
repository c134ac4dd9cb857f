"""Batch normalisation that stops to learn."""

from typing import Any

import keras

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.types import Logs
from mlkit.callbacks._model_state import layers_of
from mlkit.callbacks._monitor import say


class FreezeBN(keras.callbacks.Callback):
    """Freezes batch normalisation from an epoch on.

    From then on its layers use their moving statistics, in training too, and scale and offset stay
    as they are. Use it late in training with small batches, or from epoch 0 in fine-tuning. When
    training ends the layers are as trainable as before.

    Args:
        epoch: first epoch (from 0) with frozen statistics, ≥ 0. Default 0.
        verbose: 1 says on stdout how many layers were frozen. Default 0.

    Attributes:
        frozen: names of the layers that are frozen.

    Raises:
        ValueError: `epoch` is negative; the model has no batch normalisation.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> norm = mk.layers.BatchNormalization(name="norm")
        >>> model = mk.Sequential([mk.Input((2,)), norm, mk.layers.Dense(2)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((8, 2), "float32")
        >>> freeze = mk.callbacks.FreezeBN()
        >>> history = model.fit(x, x, verbose=0, callbacks=[freeze])
        >>> float(norm.moving_mean[0]), freeze.frozen
        (0.0, ['norm'])
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    def __init__(self, epoch: int = 0, *, verbose: int = 0) -> None:
        super().__init__()
        check_integer("epoch", epoch, low=0)
        check_choice("verbose", verbose, (0, 1))
        self.epoch, self.verbose = epoch, verbose
        self.frozen: list[str] = []
        self._before: list[tuple[Any, bool]] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        model: Any = self.model
        found = layers_of(model)
        self._layers = [p for p in found if isinstance(p[1], keras.layers.BatchNormalization)]
        if not self._layers:
            raise ValueError("FreezeBN: the model has no layer of BatchNormalization.")
        self._before = [(layer, layer.trainable) for _, layer in self._layers]
        self.frozen = []
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.epoch or self.frozen:
            return
        self.frozen = [name for name, _ in self._layers]
        for _, layer in self._layers:
            layer.trainable = False
        # The traced step has the statistics of the batch in it.
        self.model.make_train_function(force=True)
        say(self, f"epoch {epoch + 1}: {len(self.frozen)} layers use their moving statistics.")

    def on_train_end(self, logs: Logs | None = None) -> None:
        for layer, trainable in self._before:
            layer.trainable = trainable
        if self.frozen:
            self.model.make_train_function(force=True)

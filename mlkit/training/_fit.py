"""Training in one call."""

from typing import Any

import keras

from mlkit.training._history import History
from mlkit.training._trainer import Trainer

_TRAINER_ARGUMENTS = ("accumulate", "gradients", "ema", "execution", "strategy", "seed")


def fit(model: keras.Model, x: Any = None, y: Any = None, **kwargs: Any) -> History:
    """Train a compiled model: `model.fit(x, y, ...)`, and ours by keyword.

    Args:
        model: a compiled Keras model.
        x, y: the data, as for `Trainer.fit`.
        **kwargs: those of `Trainer.fit` (all of `keras.Model.fit`'s), and of `Trainer`:
            `accumulate`, `gradients`, `ema`, `execution`, `strategy`, `seed`. With `ema` the model
            has its averaged weights when the call returns.

    Returns:
        The metrics of each epoch.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((4,)), mk.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> history = mk.fit(model, np.ones((8, 4)), np.ones((8, 1)), epochs=2, verbose=0)
        >>> len(history["loss"])
        2
    """
    options = {name: kwargs.pop(name) for name in _TRAINER_ARGUMENTS if name in kwargs}
    trainer = Trainer(model, **options)
    history = trainer.fit(x, y, **kwargs)
    trainer.finalize()
    return history

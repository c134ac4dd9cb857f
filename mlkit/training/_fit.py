"""Training in one call."""

from typing import Any

import keras

from mlkit.training._history import History
from mlkit.training._trainer import Trainer

# Where a model keeps the trainer of the last call: a second call does not trace and compile again.
_LAST = "_mlkit_trainer"
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
    trainer = _trainer_of(model, options)
    trainer.seed = options.get("seed")
    history = trainer.fit(x, y, **kwargs)
    trainer.finalize()
    return history


def _trainer_of(model: keras.Model, options: dict[str, Any]) -> Trainer:
    """A trainer; that of the last call, with its programs, if nothing but the seed is new.

    One whose options have a state of their own (averages, transforms, replicas) is made anew.
    """
    kept: dict[str, Any] = model.__dict__  # not by setattr: a layer would track the trainer
    if not set(options) <= {"accumulate", "execution", "seed"}:
        kept.pop(_LAST, None)
        return Trainer(model, **options)
    asked = options.get("accumulate"), options.get("execution")
    last = kept.get(_LAST)
    if last is None or last[1] != asked or not _same(last[2], _compiled_in(model)):
        kept[_LAST] = (Trainer(model, **options), asked, _compiled_in(model))
    return kept[_LAST][0]


def _compiled_in(model: keras.Model) -> tuple[Any, ...]:
    return (model.optimizer, model.loss, *model.metrics) if model.compiled else ()


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))

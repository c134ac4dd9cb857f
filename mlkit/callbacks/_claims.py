"""Callbacks that would undo each other's work are refused at the start."""

import weakref
from collections.abc import Iterable
from typing import Any

import keras

_WHAT = {
    "rate": "set the learning rate",
    "weights": "put weights into the model when training ends",
}
# What callbacks of Keras do, by class and whether it is set up to do it.
_KERAS: list[tuple[str, str, Any]] = [
    ("LearningRateScheduler", "rate", lambda c: True),
    ("ReduceLROnPlateau", "rate", lambda c: True),
    ("SwapEMAWeights", "weights", lambda c: True),
    ("EarlyStopping", "weights", lambda c: c.restore_best_weights),
]
_HELD: Any = weakref.WeakKeyDictionary()


def claim(callback: Any, what: str) -> None:
    """Say in `on_train_begin` what a callback will do that only one may do.

    Works in every loop: all callbacks of one call of `fit` have the same object in `params`.

    Raises:
        ValueError: another callback of this run does it too.
    """
    model, params = callback.model, callback.params
    run, held = _HELD.get(model, (None, {}))
    if run is not params or params is None:
        held = {}
    other = held.get(what, lambda: None)()
    if other is not None and other is not callback:
        raise _conflict(other, callback, what)
    held[what] = weakref.ref(callback)
    _HELD[model] = (params, held)


def check_list(callbacks: Iterable[Any]) -> None:
    """Look at a whole list of callbacks, those of Keras too.

    Raises:
        ValueError: two of them do what only one may do.
    """
    doing: dict[str, Any] = {}
    for callback in callbacks:
        claims = list(getattr(type(callback), "claims", ()))
        for name, what, does in _KERAS:
            if type(callback) is getattr(keras.callbacks, name) and does(callback):
                claims.append(what)
        for what in claims:
            if what in doing:
                raise _conflict(doing[what], callback, what)
            doing[what] = callback


def _conflict(one: Any, other: Any, what: str) -> ValueError:
    return ValueError(
        f"{type(one).__name__} and {type(other).__name__} both {_WHAT[what]}: one would undo what "
        "the other does. Give one of them."
    )

"""Callbacks that would undo each other's work are refused at the start."""

import gc
import inspect
from collections.abc import Iterable
from typing import Any

import keras

_WHAT = {
    "rate": "set the learning rate",
    "weights": "put weights into the model when training ends",
}


def _builds_on_the_rate(schedule: Any) -> bool:
    """Whether Keras calls it with the rate as it is, too: what others did to it stays."""
    try:
        inspect.signature(schedule).bind(0, 0.1)
    except TypeError:
        return False
    return True


# What callbacks of Keras do, by class and whether it is set up to do it.
_KERAS: list[tuple[str, str, Any]] = [
    ("LearningRateScheduler", "rate", lambda c: not _builds_on_the_rate(c.schedule)),
    ("ReduceLROnPlateau", "rate", lambda c: True),
    ("SwapEMAWeights", "weights", lambda c: True),
    ("EarlyStopping", "weights", lambda c: c.restore_best_weights),
]


def all_of(callback: Any) -> list[Any]:
    """The callbacks of the fit that this one is in: it is not told of them, but Python knows."""
    # Not isinstance, which asks an object for its class: a proxy may answer with an error.
    lists: list[Any] = [
        o for o in gc.get_objects() if issubclass(type(o), keras.callbacks.CallbackList)
    ]
    mine = [o.callbacks for o in lists if any(c is callback for c in o.callbacks)]
    return list(mine[-1]) if mine else [callback]


def claim(callback: Any) -> None:
    """Say in `on_train_begin` that this callback does what only one may do.

    `mk.fit` looks at its list itself, which costs nothing, and says so in `params`.

    Raises:
        ValueError: another callback of this run does it too.
    """
    if not (callback.params or {}).get("conflicts_checked"):
        check_list(all_of(callback))


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

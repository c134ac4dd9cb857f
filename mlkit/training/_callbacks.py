"""Who wants to look, and when: the callbacks of a run, and the blocks that they leave."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from mlkit.training._at_updates import AtUpdates
from mlkit.training._callback_list import name_in

Callback = keras.callbacks.Callback
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def _by_epoch(option: str) -> Callable[[Any], bool]:
    return lambda callback: getattr(callback, option, None) == "epoch"


# Callbacks of Keras that have batch hooks and, set up so, do nothing in them that anyone can see.
_QUIET: list[tuple[str, Callable[[Any], bool]]] = [
    ("ModelCheckpoint", _by_epoch("save_freq")),
    ("BackupAndRestore", _by_epoch("save_freq")),
    ("OrbaxCheckpoint", _by_epoch("save_freq")),
    (
        "TensorBoard",
        lambda c: getattr(c, "update_freq", None) == "epoch" and not getattr(c, "profile_batch", 0),
    ),
]


def has_batch_hooks(callback: Callback) -> bool:
    """Whether a callback does anything at the start or end of a training batch."""
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in _BATCH_HOOKS
    )


def stops_on_nonfinite(callback: Callback) -> bool:
    """Whether a callback wants to see the first batch whose loss is not finite, and no other."""
    return type(callback) is keras.callbacks.TerminateOnNaN or bool(
        getattr(callback, "stops_on_nonfinite", False)
    )


def wants_every_batch(callback: Callback) -> bool:
    """Whether a callback must be called at each batch."""
    if isinstance(callback, AtUpdates) or stops_on_nonfinite(callback):
        return False
    for name, quiet in _QUIET:
        cls = getattr(keras.callbacks, name)
        if type(callback) is cls and quiet(callback):
            return False
    return has_batch_hooks(callback)


class Watchers:
    """The callbacks of a run, sorted by when they want to be called.

    Args:
        callbacks: those of the user and ours, in the order in which they are called.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.each = [c for c in callbacks if wants_every_batch(c)]
        self.some = [c for c in callbacks if isinstance(c, AtUpdates) and has_batch_hooks(c)]
        self.nonfinite = [c for c in callbacks if stops_on_nonfinite(c)]
        # In the order of the list, as `fit` calls them.
        wanted = {id(c) for c in [*self.each, *self.some, *self.nonfinite]}
        self.all = [c for c in callbacks if id(c) in wanted]

    def next_update(self, update: int) -> int | None:
        """The first update after `update` at whose end somebody wants to be called."""
        if self.each:
            return update + 1
        due = [c.next_update(update) for c in self.some]
        return min((d for d in due if d is not None), default=None)

    def batch_begin(self, step: int) -> None:
        for callback in self.all:
            try:
                callback.on_train_batch_begin(step, {})
            except Exception as error:
                name_in(error, callback, "on_train_batch_begin")
                raise

    def batch_end(self, step: int, logs: dict[str, Any]) -> None:
        for callback in self.all:
            try:
                callback.on_train_batch_end(step, dict(logs))
            except Exception as error:
                name_in(error, callback, "on_train_batch_end")
                raise

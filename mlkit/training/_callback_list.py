"""The callbacks of a run, called one after the other."""

from typing import Any

import keras


def name_in(error: Exception, callback: Any, hook: str) -> None:
    """Say in an error which callback it comes from."""
    error.add_note(f"Raised by the callback {type(callback).__name__}, in {hook}.")


class CallbackList(keras.callbacks.CallbackList):
    """Keras' list of callbacks, which says whose error it was, and ends all of them.

    Args:
        callbacks: in the order in which they are called.
    """

    # Of the callback that is called, or was the last to be, in the list.
    place = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self._call("on_train_begin", logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None, first: int = 0) -> None:
        """Call all from the place `first` on."""
        self._call("on_epoch_end", epoch, logs, first=first)

    def on_test_begin(self, logs: Any = None) -> None:
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        self._call("on_test_end", logs)

    def on_train_end(self, logs: Any = None) -> None:
        """End all, also where one of them fails: files are closed and weights put back."""
        errors = []
        for callback in self.callbacks:
            try:
                callback.on_train_end(logs or {})
            except Exception as error:
                name_in(error, callback, "on_train_end")
                errors.append(error)
        if errors:
            raise errors[0]

    def _call(self, hook: str, *args: Any, first: int = 0) -> None:
        given = [{} if arg is None else arg for arg in args]
        self.place = first
        for callback in self.callbacks[first:]:
            try:
                getattr(callback, hook)(*given)
            except Exception as error:
                name_in(error, callback, hook)
                raise
            self.place += 1

"""What callbacks share that act at some updates: a count that is the same in every loop."""

from typing import Any

import keras

from mlkit._core.types import Logs


class UpdateCallback(keras.callbacks.Callback):
    """Counts updates and acts at some of them.

    The count goes by the `batch` argument of the hooks and not by their calls, so that it is the
    same where a call covers one step (`model.fit`) and where it covers a block of them
    (`steps_per_execution`, `mk.fit`). A subclass says by `next_update` when it wants to act, and
    does it in `on_update`, which is called at that update, or at the end of the block that it is
    in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.update = 0
        self._epoch: int | None = None
        self._epoch_start = 0

    def next_update(self, update: int) -> int | None:
        """The first update after `update` at whose end to act; None: at none in particular."""
        return None

    def on_update(self, update: int, logs: Logs) -> None:
        """Act at an update that was asked for."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.update = self._epoch_start = 0
        self._epoch = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        # A run that is resumed in the midst of an epoch begins that epoch again.
        if epoch != self._epoch:
            self._epoch, self._epoch_start = epoch, self.update

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        due = self.next_update(self.update)
        # Keras counts the last call of an epoch whole, of however few steps it is.
        steps = (self.params or {}).get("steps") or batch + 1
        self.update = self._epoch_start + min(batch + 1, steps)
        if due is not None and self.update >= due:
            self.on_update(self.update, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = None

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs to go on."""
        return {"update": self.update, "epoch": self._epoch, "epoch_start": self._epoch_start}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.update, self._epoch = state["update"], state["epoch"]
        self._epoch_start = state["epoch_start"]


def multiple_after(every: int, update: int) -> int:
    """The first multiple of `every` that is more than `update`."""
    return (update // every + 1) * every

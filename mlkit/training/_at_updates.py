"""How a callback says at which updates it acts."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class AtUpdates(Protocol):
    """A callback that acts at some updates only, and says which is the next.

    Its `on_train_batch_begin` and `on_train_batch_end` are called at those updates and may be
    called at others.
    """

    def next_update(self, update: int) -> int | None:
        """The first update after `update` (a count, from 0) at whose end to be called, or None."""
        ...

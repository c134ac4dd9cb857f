"""Arrays in memory, of which some steps are called an epoch."""

from typing import Any

from mlkit.data import pipeline
from mlkit.training._stream import Stream


class Endless(Stream):
    """Shuffled batches of arrays, pass after pass; an epoch begins where the last one ended.

    Args:
        nest: of arrays with one length.
        batch_size: examples a batch; the last one of a pass may be smaller.
        steps: batches an epoch.
        seed: of the orders.
    """

    def __init__(self, nest: Any, batch_size: int, steps: int, seed: int) -> None:
        super().__init__(pipeline(nest, batch_size, seed=seed), steps=steps)
        self._nest, self._batch_size, self.seed = nest, batch_size, seed

    def reseed(self, seed: int) -> None:
        """Take the orders of a run that is gone on with."""
        if seed != self.seed:
            self.seed = seed
            self.dataset = self._source = pipeline(self._nest, self._batch_size, seed=seed)
            self._sample = self._rehearsal = None
            self.rewind()

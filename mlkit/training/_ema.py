"""An exponential moving average of the weights, by updates."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.checks import check_number
from mlkit._core.types import Variable


class WeightAverage:
    """Keeps an exponential moving average of the trainable variables.

    After update t (from 1) each average a of a variable w becomes `d a + (1 - d) w` with
    `d = min(decay, (1 + t) / (10 + t))`: while few updates are done, the average forgets its start
    fast.

    Args:
        decay: of the average, in [0, 1).

    Reference:
        The warm-up is that of `tf.train.ExponentialMovingAverage(num_updates=t)`.
    """

    def __init__(self, decay: float) -> None:
        check_number("ema", decay, low=0, high=1, open_high=True)
        self.decay = decay
        self.state_variables: list[Any] = []
        self._variables: list[Variable] = []
        self._swapped = False

    def build(self, variables: Sequence[Variable]) -> None:
        """Begin the averages at the variables' values, once."""
        if [id(v) for v in variables] == [id(v) for v in self._variables]:
            return
        kept = {id(v): a for v, a in zip(self._variables, self.state_variables, strict=True)}
        self._variables = list(variables)
        self.state_variables = [kept.get(id(v)) or _copy(v) for v in variables]

    def update(self, updates: Any, moved: Any = True) -> None:
        """Take one update into the averages.

        Args:
            updates: number of updates done, this one included.
            moved: whether the update changed the weights (a scaled loss may have overflowed).
        """
        t = tf.cast(updates, tf.float32)
        decay = tf.where(moved, tf.minimum(self.decay, (1.0 + t) / (10.0 + t)), 1.0)
        for variable, average in zip(self._variables, self.state_variables, strict=True):
            d = tf.cast(decay, average.dtype)
            average.assign(d * average.value + (1 - d) * tf.cast(variable.value, average.dtype))

    def finalize(self) -> None:
        """Write the averages into the variables, for good."""
        for variable, average in zip(self._variables, self.state_variables, strict=True):
            variable.assign(average.value)

    def _swap(self) -> None:
        for variable, average in zip(self._variables, self.state_variables, strict=True):
            value = tf.identity(variable.value)
            variable.assign(average.value)
            average.assign(value)
        self._swapped = not self._swapped

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages in the place of the weights, put back in any case; may be nested."""
        if self._swapped or not self._variables:
            yield
            return
        self._swap()
        try:
            yield
        finally:
            self._swap()


def _copy(variable: Variable) -> Variable:
    # Of a tf.Variable, keras.Variable would take the storage itself and not its value.
    value = tf.identity(variable.value)
    return keras.Variable(value, trainable=False, name=f"{variable.name}_average")

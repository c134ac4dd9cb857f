"""What every metric of ours stands on: float64 sums that add up over batches and replicas."""

import re
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from mlkit._core.types import Tensor, Variable


class Streaming(keras.Metric):
    """A metric whose state is a set of float64 sums.

    Sums make any split into batches, and any share between replicas, give what one call gives:
    every variable is added up over replicas when it is read under a `tf.distribute` strategy.
    float64 keeps counts exact up to 2**53, and with data in float32 leaves a variance its digits
    also where the mean is a million times the spread: no more than that is in the data.

    Args:
        name: of the metric, for logs. Default: the class in snake case.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        # Keras numbers the metrics of a class that have no name; logs read better without.
        super().__init__(name=name or _snake(type(self).__name__), **kwargs)

    def add_sum(self, name: str, shape: tuple[int, ...] = ()) -> Variable:
        """A float64 variable of zeros."""
        return self.add_variable(shape, "zeros", dtype="float64", aggregation="sum", name=name)

    def merge_state(self, metrics: Iterable[keras.Metric]) -> None:
        """Add the state of other metrics of the same kind to this one.

        Args:
            metrics: metrics with the same arguments, such as one for each worker.

        Raises:
            ValueError: a metric of another class, or with other shapes of its state.
        """
        for other in metrics:
            self._check_mergeable(other)
            for mine, theirs in zip(self.variables, other.variables, strict=True):
                mine.assign_add(ops.convert_to_tensor(theirs))

    def _check_mergeable(self, other: keras.Metric) -> None:
        same = type(other) is type(self) and [v.shape for v in other.variables] == [
            v.shape for v in self.variables
        ]
        if not same:
            raise ValueError(
                f"`metrics` must hold metrics like this {type(self).__name__}, with the same "
                f"arguments and, where the shape is taken from the data, data of the same shape. "
                f"Received: {other!r}"
            )

    def _cast(self, value: Tensor) -> Tensor:
        return ops.cast(value, self.dtype)

    def _per_class(self, values: Tensor, count: int) -> dict[str, Tensor]:
        """A flat dict, one scalar a class or output: what logs can hold."""
        return {f"{self.name}_{i}": self._cast(values[i]) for i in range(count)}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def ratio(numerator: Tensor, denominator: Tensor, otherwise: float = float("nan")) -> Tensor:
    """`numerator / denominator`, and `otherwise` where the denominator is 0. NaN stays NaN."""
    empty = ops.equal(denominator, 0.0)
    safe = ops.where(empty, ops.ones_like(denominator), denominator)
    return ops.where(empty, ops.full_like(denominator, otherwise), numerator / safe)

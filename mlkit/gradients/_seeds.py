"""A count and a seed that live in variables, for draws that a saved run continues."""

import random
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor


class Counter:
    """Calls counted, and a key for random numbers from (seed, count).

    Args:
        name: of the variables.
        seed: an integer; None: from Python's `random`, and so from `keras.utils.set_random_seed`.
    """

    def __init__(self, name: str, seed: int | None) -> None:
        if seed is not None:
            check_integer("seed", seed, low=0)
        value = random.randrange(2**31) if seed is None else int(seed) % 2**31
        self.step = self._variable(0, f"{name}_step")
        self.seed = self._variable(value, f"{name}_seed")

    def _variable(self, value: int, name: str) -> Any:
        return keras.Variable(
            value, dtype="int32", trainable=False, name=name, aggregation="only_first_replica"
        )

    @property
    def variables(self) -> list[Any]:
        return [self.step, self.seed]

    def key(self, index: int = 0) -> Tensor:
        """A seed for `tf.random.stateless_*`, another for each call and each index."""
        # Odd multipliers modulo 2³² keep (seed, index) apart.
        mixed = self.seed.value + ops.convert_to_tensor((index * 0x9E3779B1) % 2**31, "int32")
        return ops.stack([mixed, self.step.value])

    def advance(self) -> None:
        self.step.assign_add(1)

"""What the optimizers of this package share."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.types import Tensor, Variable
from mlkit.ops._slices import dense, is_slices


class BaseOptimizer(keras.Optimizer):
    """A Keras optimizer that sums the repeated rows of an embedding's gradient first.

    Keras hands `IndexedSlices` to `update_step` as they are: what is squared there is each row and
    not their sum, and what is clipped too. Here they are made dense before anything else.

    Args:
        learning_rate: a number of at least 0, a schedule, or a function without arguments.
        **kwargs: as for `keras.optimizers.Optimizer`.
    """

    def __init__(self, learning_rate: Any, **kwargs: Any) -> None:
        if not callable(learning_rate):
            check_number("learning_rate", learning_rate, low=0)
            learning_rate = float(learning_rate)  # Keras refuses 1
        super().__init__(learning_rate=learning_rate, **kwargs)

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """One update; as for `keras.Optimizer.apply`."""
        super().apply([self.prepared(g) for g in grads], trainable_variables)

    def prepared(self, gradient: Any) -> Any:
        """A gradient as the update wants it."""
        return dense(gradient) if is_slices(gradient) else gradient

    def place(self, variable: Variable) -> int:
        """The place of a variable among those that the optimizer was built with."""
        return self._get_variable_index(variable)

    def count(self) -> Tensor:
        """The number of this update, from 1, in float64: its powers must be exact."""
        return ops.cast(self.iterations + 1, "float64")

    def decays(self, variable: Variable) -> bool:
        """Whether weight decay was asked for and the variable is not excluded from it."""
        return bool(self.weight_decay) and self._use_weight_decay(variable)


def corrections(count: Tensor, *betas: float) -> list[Tensor]:
    """`1 - beta^t` for each beta, in float64."""
    return [1.0 - ops.power(ops.convert_to_tensor(beta, "float64"), count) for beta in betas]


def check_betas(**betas: float) -> None:
    """Raise unless each is a number in [0, 1)."""
    for name, value in betas.items():
        check_number(name, value, low=0, high=1, open_high=True)

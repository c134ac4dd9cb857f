"""Adagrad with a proximal step."""

from collections.abc import Sequence
from typing import Any

from keras import ops
from keras.initializers import Constant

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer
from mlkit.optimizers._proximal import check_strengths, proximal


@register
class ProximalAdagrad(BaseOptimizer):
    """Adagrad whose penalties make weights exactly zero.

    With the gradient g, the rate α = `learning_rate`, and the strengths l₁ and l₂:

        s = s + g²
        a = α / √s
        w = w - a g
        w = sign(w) max(|w| - a l₁, 0) / (1 + a l₂)

    s begins at `initial_accumulator_value`, which is what keeps the division finite. Use it where
    the model shall be sparse: an l₁ penalty in the loss brings weights near zero, not to it.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        initial_accumulator_value: first s, more than 0. Default 0.1.
        l1_regularization_strength: l₁, at least 0. Default 0.
        l2_regularization_strength: l₂, at least 0. Default 0.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, 0.05])
        >>> optimizer = mk.optimizers.ProximalAdagrad(0.1, l1_regularization_strength=1.0)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, 0.0])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.746, 0.0]

    Reference:
        Duchi, Hazan and Singer, 2011, https://jmlr.org/papers/v12/duchi11a.html. The names and
        defaults of the arguments are those of TensorFlow Addons. Repeated rows of an embedding's
        gradient are summed before they are squared.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check_number("initial_accumulator_value", initial_accumulator_value, low=0, open_low=True)
        check_strengths(l1_regularization_strength, l2_regularization_strength)
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._sums = self.add_optimizer_variables(
            variables, "sum", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        g = ops.cast(gradient, variable.dtype)
        total = self._sums[self.place(variable)]
        self.assign_add(total, ops.square(g))
        each = ops.cast(learning_rate, variable.dtype) / ops.sqrt(total)
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        self.assign(variable, proximal(variable - each * g, each, l1, l2))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
        }

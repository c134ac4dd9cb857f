"""Adaptive Nesterov momentum."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas, corrections


@register
class Adan(BaseOptimizer):
    """Adaptive Nesterov momentum, in which the change of the gradient has its own.

    With the gradient g, that of the update before g₀ (g itself at the first), d = g - g₀, the rate
    α = `learning_rate`, β₁ = `beta_1`, β₂ = `beta_2`, β₃ = `beta_3`, ε = `epsilon`, and t counted
    from 1:

        m = β₁ m + (1 - β₁) g                     m̂ = m / (1 - β₁ᵗ)
        v = β₂ v + (1 - β₂) d                     v̂ = v / (1 - β₂ᵗ)
        n = β₃ n + (1 - β₃) (g + β₂ d)²           n̂ = n / (1 - β₃ᵗ)
        w = w - α (m̂ + β₂ v̂) / (√n̂ + ε)

    It keeps four copies of the weights, Adam two, and stands rates 5 to 10 times as large.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        beta_1: decay of the momentum, in [0, 1). Default 0.98.
        beta_2: decay of the momentum of the change, in [0, 1). Default 0.92.
        beta_3: decay of the second moment, in [0, 1). Default 0.99.
        epsilon: beside the root of the corrected moment, at least 0. Default 1e-8.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.Adan(0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, -0.25])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.9, -0.9]

    Reference:
        Xie et al., 2022, https://arxiv.org/abs/2208.06677, algorithm 1. The betas are those of the
        authors' code (there 1 - β of the paper). Differs from the paper in that there is no
        restart, which the authors' code leaves out too, and in weight decay, which is that of
        `keras.optimizers.Optimizer`, before the step (timm's `no_prox`). Repeated rows of an
        embedding's gradient are summed before they are squared.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.98,
        beta_2: float = 0.92,
        beta_3: float = 0.99,
        epsilon: float = 1e-8,
        **kwargs: Any,
    ) -> None:
        check_betas(beta_1=beta_1, beta_2=beta_2, beta_3=beta_3)
        check_number("epsilon", epsilon, low=0)
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_3 = beta_3
        self.epsilon = epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slots = self.add_optimizer_variables(
            variables, ["momentum", "momentum_of_change", "velocity", "gradient_before"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        dtype, t = variable.dtype, self.count()
        g = ops.cast(gradient, dtype)
        m, v, n, before = (slot[self.place(variable)] for slot in self._slots)
        change = ops.where(t > 1, g - before, ops.zeros((), dtype))
        self.assign_add(m, (g - m) * (1.0 - self.beta_1))
        self.assign_add(v, (change - v) * (1.0 - self.beta_2))
        self.assign_add(n, (ops.square(g + self.beta_2 * change) - n) * (1.0 - self.beta_3))
        self.assign(before, g)
        c1, c2, c3 = corrections(t, self.beta_1, self.beta_2, self.beta_3)
        rate = ops.cast(learning_rate, "float64") * ops.sqrt(c3)
        of_m = ops.cast(rate / c1, dtype)
        of_v = ops.cast(rate * self.beta_2 / c2, dtype)
        epsilon = ops.cast(self.epsilon * ops.sqrt(c3), dtype)
        self.assign_sub(variable, (m * of_m + v * of_v) / (ops.sqrt(n) + epsilon))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "beta_3": self.beta_3,
            "epsilon": self.epsilon,
        }

"""Momentum over gradients that are normalised layer by layer."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas


@register
class NovoGrad(BaseOptimizer):
    """Momentum over gradients divided by the size of their layer's.

    For each variable, with the gradient g, the rate α = `learning_rate`, β₁ = `beta_1`,
    β₂ = `beta_2`, ε = `epsilon`, λ = `weight_decay`:

        v = ‖g‖²                            at the first update, a number
        v = β₂ v + (1 - β₂) ‖g‖²            at those after it
        h = g / (√v + ε) + λ w
        m = β₁ m + h                        grad_averaging=False
        m = β₁ m + (1 - β₁) h               grad_averaging=True
        w = w - α m

    It keeps one copy of the weights, Adam two. Weight decay is inside the momentum, as in the
    paper, and not taken from the weights directly as in Keras' optimizers.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        beta_1: decay of the momentum, in [0, 1). Default 0.9.
        beta_2: decay of the squared norm, in [0, 1). Default 0.999.
        epsilon: beside the norm, at least 0. Default 1e-7.
        weight_decay: λ, at least 0, or None, the default: none.
        grad_averaging: whether h is multiplied by 1 - β₁. Default False.
        amsgrad: take the largest v so far in place of v. Default False.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.NovoGrad(0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([3.0, -4.0])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.94, -0.92]

    Reference:
        Ginsburg et al., 2019, https://arxiv.org/abs/1905.11286, algorithm 1. The names and defaults
        of the arguments are those of TensorFlow Addons. Differs from it in that the rate is not
        part of the momentum: a rate that changes acts at once, as in the paper.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        grad_averaging: bool = False,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        check_betas(beta_1=beta_1, beta_2=beta_2)
        check_number("epsilon", epsilon, low=0)
        check_bool("grad_averaging", grad_averaging)
        check_bool("amsgrad", amsgrad)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.grad_averaging = grad_averaging
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momenta = self.add_optimizer_variables(variables, "momentum")
        names = ["squared_norm", *(["largest_squared_norm"] if self.amsgrad else [])]
        self._norms = [[self._scalar(v, name) for v in variables] for name in names]

    def _scalar(self, variable: Variable, name: str) -> Variable:
        dtype = "float64" if variable.dtype == "float64" else "float32"
        return self.add_variable((), dtype=dtype, name=f"{variable.name}_{name}")

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Nothing: the decay is part of the momentum."""

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        place = self.place(variable)
        m, (v, *largest) = self._momenta[place], (norms[place] for norms in self._norms)
        square = ops.sum(ops.square(ops.cast(gradient, v.dtype)))
        averaged = v + (square - v) * (1.0 - self.beta_2)
        self.assign(v, ops.where(self.iterations > 0, averaged, square))
        if largest:
            self.assign(largest[0], ops.maximum(largest[0], v))
            v = largest[0]
        size = ops.cast(ops.sqrt(v) + self.epsilon, variable.dtype)
        # A gradient of zeros from the first update on has no direction, and no step.
        size = ops.where(size > 0, size, 1.0)
        h = ops.cast(gradient, variable.dtype) / size
        if self.decays(variable):
            h = h + float(self.weight_decay) * variable
        if self.grad_averaging:
            h = h * (1.0 - self.beta_1)
        self.assign(m, m * self.beta_1 + h)
        self.assign_sub(variable, m * ops.cast(learning_rate, variable.dtype))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "grad_averaging": self.grad_averaging,
            "amsgrad": self.amsgrad,
        }

"""Momentum with a rate for each layer by the size of its weights."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer


@register
class LARS(BaseOptimizer):
    """Momentum whose rate in each layer follows the size of the layer's weights.

    For each variable, with the gradient g, the rate α = `learning_rate`, λ = `weight_decay`,
    η = `trust_coefficient`, μ = `momentum`, ε = `epsilon`:

        q = η ‖w‖ / (‖g‖ + λ ‖w‖ + ε)       1 where ‖w‖ or ‖g‖ is 0
        g = q (g + λ w)
        m = μ m + g
        w = w - α m                         nesterov=False
        w = w - α (g + μ m)                 nesterov=True

    Use it for batches of thousands of examples, where one rate for all layers throws some of them
    away. A variable that `exclude_from_weight_decay` names (biases, scales of normalisation) has
    no decay and, as the paper's authors do it, q = 1.

    Weight decay is part of the gradient here, as in the paper, and not taken from the weights
    directly as in Keras' optimizers.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 1.0: α q is the rate.
        momentum: μ in [0, 1). Default 0.9.
        nesterov: look ahead by the momentum. Default False.
        trust_coefficient: η, more than 0. Default 0.001.
        epsilon: at least 0. Default 1e-8.
        trust_clip: bound α q by α, as LARC does. Default False.
        always_adapt: adapt also what is excluded from weight decay. Default False.
        weight_decay: λ, at least 0, or None, the default: none.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([3.0, 4.0])
        >>> optimizer = mk.optimizers.LARS(1.0, trust_coefficient=0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.0, 100.0])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [3.0, 3.5]

    Reference:
        You, Gitman and Ginsburg, 2017, https://arxiv.org/abs/1708.03888. The formula is that of
        timm's `Lars`. Differs from it in that a layer is adapted without weight decay too, unless
        it is excluded.
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        momentum: float = 0.9,
        nesterov: bool = False,
        trust_coefficient: float = 0.001,
        epsilon: float = 1e-8,
        trust_clip: bool = False,
        always_adapt: bool = False,
        weight_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        check_number("momentum", momentum, low=0, high=1, open_high=True)
        check_bool("nesterov", nesterov)
        check_number("trust_coefficient", trust_coefficient, low=0, open_low=True)
        check_number("epsilon", epsilon, low=0)
        check_bool("trust_clip", trust_clip)
        check_bool("always_adapt", always_adapt)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov
        self.trust_coefficient = trust_coefficient
        self.epsilon = epsilon
        self.trust_clip = trust_clip
        self.always_adapt = always_adapt

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momenta = self.add_optimizer_variables(variables, "momentum")

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Nothing: the decay is in the gradient, where it has a part in the norm."""

    def _trust(self, w: Tensor, g: Tensor, decay: float, rate: Tensor) -> Tensor:
        """q, in at least float32."""
        w_norm, g_norm = (ops.sqrt(ops.sum(ops.square(x))) for x in (w, g))
        trust = self.trust_coefficient * w_norm / (g_norm + decay * w_norm + self.epsilon)
        trust = ops.where((w_norm > 0) & (g_norm > 0), trust, 1.0)
        # α q <= α, as the rate comes on top.
        return ops.minimum(trust / rate, 1.0) if self.trust_clip else trust

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        dtype, adapted = variable.dtype, self._use_weight_decay(variable)
        rate = ops.cast(learning_rate, dtype)
        decay = float(self.weight_decay) if self.decays(variable) else 0.0
        g, w = ops.cast(gradient, dtype), ops.convert_to_tensor(variable)
        if adapted or self.always_adapt:
            wide = [ops.cast(x, "float64" if dtype == "float64" else "float32") for x in (w, g)]
            trust = ops.cast(self._trust(*wide, decay, ops.cast(rate, wide[0].dtype)), dtype)
            g = trust * (g + decay * w if decay else g)
        elif decay:
            g = g + decay * w
        m = self._momenta[self.place(variable)]
        self.assign(m, m * self.momentum + g)
        self.assign_sub(variable, rate * (g + self.momentum * m if self.nesterov else m))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "trust_coefficient": self.trust_coefficient,
            "epsilon": self.epsilon,
            "trust_clip": self.trust_clip,
            "always_adapt": self.always_adapt,
        }

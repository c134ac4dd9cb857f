"""Adam whose second moment changes by small additions."""

from collections.abc import Sequence
from typing import Any

from keras import ops
from keras.initializers import Constant

from mlkit._core.checks import check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas, corrections
from mlkit.optimizers._proximal import check_strengths, proximal


@register
class Yogi(BaseOptimizer):
    """Adam whose second moment changes by additions of the gradient's square.

    With the gradient g, the rate α = `learning_rate`, β₁ = `beta1`, β₂ = `beta2`, ε = `epsilon`,
    and t counted from 1:

        m = β₁ m + (1 - β₁) g
        v = v + (1 - β₂) sign(g² - v) g²
        a = α √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε)
        w = w - a m

    ε stands beside the root of the uncorrected v, which begins at `initial_accumulator_value`. With
    activation="tanh" the sign is tanh(10 (g² - v)). With the strengths l₁ and l₂ the step is
    followed by the proximal one:

        w = sign(w) max(|w| - a l₁, 0) / (1 + a l₂)

    Where gradients are rare, v does not forget them as fast as Adam's, and the rate does not blow
    up.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.01.
        beta1: decay of the first moment, in [0, 1). Default 0.9.
        beta2: 1 less the share of an addition, in [0, 1). Default 0.999.
        epsilon: at least 0. Default 1e-3.
        l1_regularization_strength: l₁, at least 0. Default 0.
        l2_regularization_strength: l₂, at least 0. Default 0.
        initial_accumulator_value: first v, more than 0. Default 1e-6.
        activation: `"sign"` (the default) or `"tanh"`.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.Yogi(0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, -0.25])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.906, -0.912]

    Reference:
        Zaheer et al., 2018,
        https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization, algorithm 2.
        The names and defaults of the arguments are those of TensorFlow Addons. Differs from the
        paper in the correction of both moments, as TensorFlow Addons does. Repeated rows of an
        embedding's gradient are summed before they are squared.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-3,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        initial_accumulator_value: float = 1e-6,
        activation: str = "sign",
        **kwargs: Any,
    ) -> None:
        check_betas(beta1=beta1, beta2=beta2)
        check_number("epsilon", epsilon, low=0)
        check_strengths(l1_regularization_strength, l2_regularization_strength)
        check_number("initial_accumulator_value", initial_accumulator_value, low=0, open_low=True)
        check_choice("activation", activation, ("sign", "tanh"))
        super().__init__(learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.initial_accumulator_value = initial_accumulator_value
        self.activation = activation

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momenta = self.add_optimizer_variables(variables, "momentum")
        self._velocities = self.add_optimizer_variables(
            variables, "velocity", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        g, place = ops.cast(gradient, variable.dtype), self.place(variable)
        m, v = self._momenta[place], self._velocities[place]
        square = ops.square(g)
        apart = square - v
        sign = ops.sign(apart) if self.activation == "sign" else ops.tanh(10.0 * apart)
        self.assign_add(m, (g - m) * (1.0 - self.beta1))
        self.assign_add(v, sign * square * (1.0 - self.beta2))
        c1, c2 = corrections(self.count(), self.beta1, self.beta2)
        rate = ops.cast(ops.cast(learning_rate, "float64") * ops.sqrt(c2) / c1, variable.dtype)
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        if not l1 and not l2:
            self.assign_sub(variable, m * rate / (ops.sqrt(v) + self.epsilon))
            return
        each = rate / (ops.sqrt(v) + self.epsilon)
        self.assign(variable, proximal(variable - each * m, each, l1, l2))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "initial_accumulator_value": self.initial_accumulator_value,
            "activation": self.activation,
        }

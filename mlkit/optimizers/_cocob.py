"""Training without a learning rate, by betting coins."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer


@register
class COCOB(BaseOptimizer):
    """Gradient descent without a learning rate: how far a weight goes is a bet.

    For each weight, w₁ its first value, with the gradient g and α = `alpha`:

        L = max(L, |g|)                      the largest gradient
        G = G + |g|
        R = max(R - g (w - w₁), 0)           what was won
        θ = θ - g
        w = w₁ + θ (L + R) / (L max(G + L, α L))

    A weight whose gradient has always been 0 stays. There is no rate to be set: `learning_rate` is
    1 and changes nothing but the size of weight decay, and schedules and callbacks for it are
    without effect.

    Args:
        alpha: the first bets are at most 1 / α of the possible, at least 1. Default 100.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.COCOB(alpha=10)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, 0.0])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.9, -1.0]

    Reference:
        Orabona and Tommasi, 2017, https://arxiv.org/abs/1705.07795, algorithm 2.
        Differs from TensorFlow Addons in that a weight without a gradient stays where it is and
        does not become NaN.
    """

    def __init__(self, alpha: float = 100, **kwargs: Any) -> None:
        check_number("alpha", alpha, low=1)
        # What `from_config` gives back; the rate is no argument of this algorithm.
        super().__init__(kwargs.pop("learning_rate", 1.0), **kwargs)
        self.alpha = alpha

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slots = self.add_optimizer_variables(
            variables, ["largest", "sum_of_sizes", "reward", "sum", "distance"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        g = ops.cast(gradient, variable.dtype)
        largest, sizes, reward, total, distance = (
            slot[self.place(variable)] for slot in self._slots
        )
        size = ops.abs(g)
        self.assign(largest, ops.maximum(largest, size))
        self.assign_add(sizes, size)
        self.assign(reward, ops.maximum(reward - g * distance, 0.0))
        self.assign_sub(total, g)
        bound = largest * ops.maximum(sizes + largest, self.alpha * largest)
        # Without any gradient yet the sum is 0, and so is the distance.
        there = total * (largest + reward) / ops.where(bound > 0, bound, 1.0)
        self.assign_add(variable, there - distance)
        self.assign(distance, there)

    def get_config(self) -> Config:
        return {**super().get_config(), "alpha": self.alpha}

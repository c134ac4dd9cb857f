"""Adam that leaves the rows of an embedding alone that a batch does not use."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # keras.ops has no IndexedSlices and no scatter into a variable
from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor, Variable
from mlkit.ops._slices import dense, is_slices, summed, summed_rows
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas, corrections


@register
class LazyAdam(BaseOptimizer):
    """Adam that updates only those rows of an embedding that a batch uses.

    With the gradient g, the rate α = `learning_rate`, β₁ = `beta_1`, β₂ = `beta_2`,
    ε = `epsilon`, and t, the number of the update, counted from 1 for all rows:

        m = β₁ m + (1 - β₁) g
        v = β₂ v + (1 - β₂) g²
        w = w - α √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    for the rows that are in the gradient; the moments and weights of the others stay as they are,
    where Adam would go on moving them by what is left of their momentum. It is another algorithm
    than Adam, and for large vocabularies a much cheaper one: the work is that of the batch's rows.
    A row that occurs several times in the batch counts with the sum of its gradients. A gradient
    that is dense is Adam's.

    What works on whole variables makes an embedding's update dense again: `weight_decay`,
    `use_ema` and `global_clipnorm` touch all rows, `gradient_accumulation_steps` and an
    accumulating loop give dense gradients.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        beta_1: decay of the first moment, in [0, 1). Default 0.9.
        beta_2: decay of the second moment, in [0, 1). Default 0.999.
        epsilon: beside the root of the uncorrected v (the paper's ε̂), at least 0. Default 1e-7.
        amsgrad: take the largest v so far in place of v. Default False.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> table = keras.Variable(keras.ops.zeros((4, 1)))
        >>> gradient = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([2, 2]),
        ...                             tf.constant([4, 1]))
        >>> mk.optimizers.LazyAdam(0.1).apply([gradient], [table])
        >>> [round(float(row), 3) for row in table[:, 0]]
        [0.0, 0.0, -0.1, 0.0]

    Reference:
        Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980; lazily as `torch.optim.SparseAdam`
        and TensorFlow Addons do. Differs from the latter in that `amsgrad` works for rows too.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        check_betas(beta_1=beta_1, beta_2=beta_2)
        check_number("epsilon", epsilon, low=0)
        check_bool("amsgrad", amsgrad)
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def prepared(self, gradient: Any) -> Any:
        if not is_slices(gradient):
            return gradient
        # Keras clips by the global norm and accumulates with operators that slices do not have.
        if self.gradient_accumulation_steps or self.global_clipnorm:
            return dense(gradient)
        # Clipping is of the sums.
        return summed(gradient) if self.clipnorm or self.clipvalue else gradient

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "velocity", *(["velocity_hat"] if self.amsgrad else [])]
        self._slots = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Tensor) -> None:
        c1, c2 = corrections(self.count(), self.beta_1, self.beta_2)
        rate = ops.cast(ops.cast(learning_rate, "float64") * ops.sqrt(c2) / c1, variable.dtype)
        slots = [slot[self.place(variable)] for slot in self._slots]
        if is_slices(gradient):
            self._update_rows(gradient, variable, rate, slots)
            return
        change = self._change(ops.cast(gradient, variable.dtype), slots)
        for slot, difference in zip(slots, change, strict=True):
            self.assign_add(slot, difference)
        self.assign_sub(variable, slots[0] * rate / (ops.sqrt(slots[-1]) + self.epsilon))

    def _change(self, gradient: Tensor, slots: Sequence[Any]) -> list[Tensor]:
        """What is added to m, v and, with amsgrad, to the largest v."""
        m, v, *highest = slots
        change = [
            (gradient - m) * (1.0 - self.beta_1),
            (ops.square(gradient) - v) * (1.0 - self.beta_2),
        ]
        if highest:
            change.append(ops.maximum(v + change[1] - highest[0], 0.0))
        return change

    def _update_rows(
        self, gradient: Any, variable: Variable, rate: Tensor, slots: Sequence[Any]
    ) -> None:
        rows, values, meant = summed_rows(gradient)
        values = ops.cast(values, variable.dtype)
        meant = ops.cast(meant, variable.dtype)
        meant = ops.reshape(meant, (-1, *(1 for _ in variable.shape[1:])))
        found = [tf.gather(ops.convert_to_tensor(slot), rows) for slot in slots]
        change = self._change(values, found)
        for slot, difference in zip(slots, change, strict=True):
            # Nothing is added for the spare rows, which bear the index of a real one.
            self.assign_add(slot, tf.IndexedSlices(difference * meant, rows))
        m, v = found[0] + change[0], found[-1] + change[-1]
        step = m * rate / (ops.sqrt(v) + self.epsilon)
        self.assign_sub(variable, tf.IndexedSlices(step * meant, rows))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }

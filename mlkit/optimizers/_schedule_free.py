"""Training without a schedule: an average takes the place of a falling rate."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # the function of an update sees TensorFlow's own variables

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Variable
from mlkit.optimizers._base_average import BaseAverage


@register
class ScheduleFree(BaseAverage):
    """An optimizer whose rate need not fall: it trains near an average of its weights.

    Three points, which begin as the weights: z, where the inner optimizer goes; x, the weighted
    mean of z; and y between them, where gradients are taken. With β = `momentum`, the step d that
    the inner optimizer makes from y at update t (from 1), its rate αₜ, r = `step_power` and
    p = `rate_power`:

        z = z + d
        c = tʳ maxₛ≤ₜ αₛᵖ, divided by the sum of these up to now
        x = (1 - c) x + c z
        y = (1 - β) z + β x

    The model holds y while it trains, and x is the model that is meant: `fit` puts it in at its
    end, `mk.callbacks.ScheduleFreeSwap` during each validation too, and
    `optimizer.assign_average_vars(model.trainable_variables)` by hand. The statistics of batch
    normalisation are those of y. Use a constant rate, about that of the best schedule or somewhat
    higher, after a short warm-up (`schedules.WarmupSchedule`).

    Args:
        optimizer: the inner optimizer, or its name, without momentum: `SGD(rate)`,
            `AdamW(rate, beta_1=0.0)`. Its weight decay is taken at y. A `LossScaleOptimizer` goes
            around the whole. One with `use_ema` is refused: there would be two averages.
        momentum: β, in (0, 1). Default 0.9.
        step_power: r, at least 0. Default 0.
        rate_power: p, at least 0; weights of a warm-up count little. Default 2.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range, or one that belongs to the inner optimizer.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0])
        >>> optimizer = mk.optimizers.ScheduleFree(mk.optimizers.SGD(0.1), momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones(1)], [w])
        >>> optimizer.assign_average_vars([w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.85]

    Reference:
        Defazio et al., 2024, https://arxiv.org/abs/2405.15682, and the weights of the authors'
        code. Differs from their wrapper in that x is kept and not computed back from y and z.
    """

    def __init__(
        self,
        optimizer: Any,
        momentum: float = 0.9,
        step_power: float = 0.0,
        rate_power: float = 2.0,
        **kwargs: Any,
    ) -> None:
        check_number("momentum", momentum, low=0, high=1, open_low=True, open_high=True)
        check_number("step_power", step_power, low=0)
        check_number("rate_power", rate_power, low=0)
        super().__init__(optimizer, **kwargs)
        self.momentum = momentum
        self.step_power = step_power
        self.rate_power = rate_power

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._ahead = self.copies(variables, "ahead")
        options: dict[str, Any] = {"dtype": "float32", "aggregation": "only_first_replica"}
        self._largest = self.add_variable((), name="largest_rate", **options)
        self._sum = self.add_variable((), name="sum_of_weights", **options)
        self._own = [*self._own, self._largest, self._sum]

    def before(self, variables: Sequence[Variable]) -> Any:
        # Before the update: after it, a schedule is at the next rate.
        return tf.cast(self.learning_rate, "float32"), [tf.identity(v.value) for v in variables]

    def after(self, variables: Sequence[Variable], kept: Any) -> None:
        rate, values = kept
        count = tf.cast(self.iterations, "int64")

        def counts() -> Any:
            # A micro-step of an accumulated update changes nothing.
            return tf.cast(self.iterations, "int64") > tf.cast(self._seen, "int64")

        largest = tf.maximum(tf.convert_to_tensor(self._largest), rate)
        weight = tf.cast(count, "float32") ** self.step_power * largest**self.rate_power
        total = tf.convert_to_tensor(self._sum) + tf.where(counts(), weight, 0.0)
        # Up to the first rate above zero nothing has moved, and there is nothing to average.
        share = tf.math.divide_no_nan(weight, total)

        def move(variable: Any, average: Any, ahead: Any, value: Any, share: Any) -> None:
            ahead.assign_add(variable - value)
            average.assign_add((ahead - average) * tf.cast(share, average.dtype))
            variable.assign(ahead + (average - ahead) * tf.cast(self.momentum, average.dtype))

        arguments = [
            (self._averages[self.place(v)], self._ahead[self.place(v)], value, share)
            for v, value in zip(variables, values, strict=True)
        ]
        self.change(variables, arguments, move, counts)
        self._largest.assign(largest)
        self._sum.assign(total)
        self._seen.assign(count)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "step_power": self.step_power,
            "rate_power": self.rate_power,
        }

"""An exponential moving average of the weights."""

from typing import Any

import tensorflow as tf  # as for the wrapper's other conditions

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers._base_average import BaseAverage


@register
class MovingAverage(BaseAverage):
    """An optimizer with an exponential moving average of the weights beside it.

    After each update, with s = `start_step` and k its number from 0, less s:

        a = d a + (1 - d) w
        d = average_decay                               dynamic_decay=False
        d = min(average_decay, (1 + k) / (10 + k))      dynamic_decay=True
        d = 0                                           for the first s updates

    The average begins at the first weights. Training goes on with w; the average is put into the
    weights at the end of `fit`, by `finalize_variable_values`, or where
    `optimizer.assign_average_vars(model.trainable_variables)` is called;
    `optimizer.swap_weights()` exchanges the two for an evaluation in between.

    Every Keras optimizer has `use_ema` for the plain average. This one is for its start: with
    `dynamic_decay` the first weights are soon forgotten.

    Args:
        optimizer: the inner optimizer, or its name. A `LossScaleOptimizer` goes around the whole.
            One with `use_ema` is refused: there would be two averages.
        average_decay: d, in [0, 1]. Default 0.99.
        num_updates: bounds d by `(1 + num_updates) / (10 + num_updates)`, at least 0; None, the
            default, does not.
        start_step: updates before the averaging begins, at least 0. Default 0.
        dynamic_decay: begin with small d. Default False.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range, or one that belongs to the inner optimizer.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0])
        >>> optimizer = mk.optimizers.MovingAverage(mk.optimizers.SGD(0.1), average_decay=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones(1)], [w])
        >>> optimizer.assign_average_vars([w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.875]

    Reference:
        Polyak and Juditsky, 1992, https://doi.org/10.1137/0330046, with weights that fade. The
        names and defaults of the arguments are those of TensorFlow Addons. Differs from it in that
        `fit` puts the average in at its end, as Keras does with `use_ema`.
    """

    def __init__(
        self,
        optimizer: Any,
        average_decay: float = 0.99,
        num_updates: int | None = None,
        start_step: int = 0,
        dynamic_decay: bool = False,
        **kwargs: Any,
    ) -> None:
        check_number("average_decay", average_decay, low=0, high=1)
        if num_updates is not None:
            check_integer("num_updates", num_updates, low=0)
        check_integer("start_step", start_step, low=0)
        check_bool("dynamic_decay", dynamic_decay)
        super().__init__(optimizer, **kwargs)
        self.average_decay = average_decay
        self.num_updates = num_updates
        self.start_step = start_step
        self.dynamic_decay = dynamic_decay

    def taken_in(self, count: Tensor) -> Tensor:
        return count >= 0

    def share(self, count: Tensor) -> Tensor:
        decay: Any = self.average_decay
        if self.num_updates is not None:
            decay = min(decay, (1.0 + self.num_updates) / (10.0 + self.num_updates))
        # 1 - decay in double precision: of 0.9999 float32 would leave three digits.
        share = tf.constant(1.0 - decay, "float32")
        after = tf.cast(count - self.start_step, "float32")
        if self.dynamic_decay:
            share = tf.maximum(share, 9.0 / (10.0 + after))
        return tf.where(after < 0, 1.0, share)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "average_decay": self.average_decay,
            "num_updates": self.num_updates,
            "start_step": self.start_step,
            "dynamic_decay": self.dynamic_decay,
        }

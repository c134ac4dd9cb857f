"""The mean of the weights at regular updates."""

from typing import Any

import tensorflow as tf  # as for the wrapper's other conditions

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers._base_average import BaseAverage


@register
class SWA(BaseAverage):
    """An optimizer with the mean of the weights of every c-th update beside it.

    With c = `average_period` and s = `start_averaging`, after update t (from 1) with t - 1 = s,
    s + c, s + 2c, ... (n of them before it):

        a = (n a + w) / (n + 1)

    Training goes on with w. The mean a is put into the weights at the end of `fit`, by
    `finalize_variable_values`, or where `optimizer.assign_average_vars(model.trainable_variables)`
    is called; `optimizer.swap_weights()` exchanges the two for an evaluation in between. Before the
    first mean is taken nothing is put in.

    The statistics of batch normalisation are those of w, not of a: run the training data through
    the model once more after the means are in. The rate should stay high, or go in cycles whose
    length is c.

    Args:
        optimizer: the inner optimizer, or its name. A `LossScaleOptimizer` goes around the whole.
            One with `use_ema` is refused: there would be two averages.
        start_averaging: updates before the first mean, at least 0. Default 0.
        average_period: c, at least 1. Default 10.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range, or one that belongs to the inner optimizer.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0])
        >>> optimizer = mk.optimizers.SWA(mk.optimizers.SGD(0.1), average_period=2)
        >>> for _ in range(4):
        ...     optimizer.apply([keras.ops.ones(1)], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.6]
        >>> optimizer.assign_average_vars([w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.8]

    Reference:
        Izmailov et al., 2018, https://arxiv.org/abs/1803.05407. The names, defaults and the updates
        that are taken are those of TensorFlow Addons. Differs from it in that `fit` puts the mean
        in at its end, as Keras does with `use_ema`.
    """

    def __init__(
        self,
        optimizer: Any,
        start_averaging: int = 0,
        average_period: int = 10,
        **kwargs: Any,
    ) -> None:
        check_integer("start_averaging", start_averaging, low=0)
        check_integer("average_period", average_period, low=1)
        super().__init__(optimizer, **kwargs)
        self.start_averaging = start_averaging
        self.average_period = average_period

    def taken_in(self, count: Tensor) -> Tensor:
        after = count - self.start_averaging
        return tf.logical_and(after >= 0, after % self.average_period == 0)

    def share(self, count: Tensor) -> Tensor:
        before = (count - self.start_averaging) // self.average_period
        return 1.0 / (tf.cast(before, "float32") + 1.0)

    def begun(self) -> bool:
        return self.seen() > self.start_averaging

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "start_averaging": self.start_averaging,
            "average_period": self.average_period,
        }

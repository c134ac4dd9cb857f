"""An optimizer that is drawn back half way every few updates."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # the function of an update sees TensorFlow's own variables

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Variable
from mlkit.optimizers._base_wrapper import BaseWrapper


@register
class Lookahead(BaseWrapper):
    """An optimizer that goes k steps ahead, and then a part of the way.

    With the weights w of the inner optimizer, slow weights φ that begin as w, k = `sync_period`
    and α = `slow_step_size`, after each k-th update:

        φ = φ + α (w - φ)
        w = φ

    The inner optimizer keeps its moments. Its counter, learning rate, schedule and variables are
    those of the wrapper; clipping, decay and the rest are given to it. The slow weights are saved,
    and training goes on from them bit for bit.

    Args:
        optimizer: the inner optimizer, or its name. A `LossScaleOptimizer` goes around the whole.
        sync_period: k, at least 1. Default 6.
        slow_step_size: α, in [0, 1]. Default 0.5.
        **kwargs: `name`, as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range, or one that belongs to the inner optimizer.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0])
        >>> optimizer = mk.optimizers.Lookahead(mk.optimizers.SGD(0.1), sync_period=2)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones(1)], [w])
        >>> [round(float(x), 3) for x in w.numpy()], int(optimizer.iterations)
        ([0.9], 2)

    Reference:
        Zhang et al., 2019, https://arxiv.org/abs/1907.08610, algorithm 1. The names and defaults of
        the arguments are those of TensorFlow Addons. Differs from timm's `Lookahead`, whose slow
        weights begin at the first k-th update and not at the first.
    """

    def __init__(
        self,
        optimizer: Any,
        sync_period: int = 6,
        slow_step_size: float = 0.5,
        **kwargs: Any,
    ) -> None:
        check_integer("sync_period", sync_period, low=1)
        check_number("slow_step_size", slow_step_size, low=0, high=1)
        super().__init__(optimizer, **kwargs)
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slow = self.copies(variables, "slow")

    def after(self, variables: Sequence[Variable], kept: Any) -> None:
        def sync(variable: Any, slow: Any) -> None:
            slow.assign_add((variable - slow) * tf.cast(self.slow_step_size, slow.dtype))
            variable.assign(slow)

        slow = [(self._slow[self.place(v)],) for v in variables]
        self.change(variables, slow, sync, lambda: self.iterations % self.sync_period == 0)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "sync_period": self.sync_period,
            "slow_step_size": self.slow_step_size,
        }

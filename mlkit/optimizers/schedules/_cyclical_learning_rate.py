"""A triangular wave whose height follows a function."""

from collections.abc import Callable
from typing import Any

import keras

from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_cyclical import BaseCyclical


@register
class CyclicalLearningRate(BaseCyclical):
    """Up and down between two rates, the height scaled by a function.

        cycle = floor(1 + step / (2 step_size))
        x = |step / step_size - 2 cycle + 1|
        rate(step) = initial + (maximal - initial) (1 - x) scale_fn(cycle or step)

    The three usual waves are parts of their own: `TriangularCyclicalLearningRate`,
    `Triangular2CyclicalLearningRate` and `ExponentialCyclicalLearningRate`. This one is for any
    other height.

    Args:
        initial_learning_rate: rate at the foot of each cycle, at least 0.
        maximal_learning_rate: rate at the top where the scale is 1, at least 0.
        step_size: updates from foot to top, more than 0: a cycle is twice as long. Usual is 2 to
            8 times the updates of an epoch.
        scale_fn: function of one float32 tensor, made of `keras.ops`. To be saved it must be a
            function with a name, under `keras.saving.register_keras_serializable`; a lambda is
            refused.
        scale_mode: what `scale_fn` is given: `"cycle"`, the number of the cycle from 1 (the
            default), or `"iterations"`, the step from 0.
        name: name of the schedule. Default `"CyclicalLearningRate"`.

    Raises:
        ValueError: an argument out of its range, or a lambda.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.CyclicalLearningRate(
        ...     0.0, 1.0, step_size=5, scale_fn=keras.ops.reciprocal)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 15, 25)]
        [0.0, 1.0, 0.0, 0.5, 0.333]

    Reference:
        Smith, 2017, https://arxiv.org/abs/1506.01186. Names, order and defaults of the arguments
        are those of TensorFlow Addons. Differs from it in that a lambda is refused, which could
        not be loaded again, and that the rates are numbers.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_fn: Callable[[Tensor], Tensor],
        scale_mode: str = "cycle",
        name: str = "CyclicalLearningRate",
    ) -> None:
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)
        if not callable(scale_fn):
            raise TypeError(f"`scale_fn` must be a function. Received: scale_fn={scale_fn!r}")
        if getattr(scale_fn, "__name__", "") == "<lambda>":
            raise ValueError(
                "`scale_fn` must be a function with a name: a lambda cannot be saved and loaded. "
                f"Write it with `def` and register it. Received: scale_fn={scale_fn!r}"
            )
        self.scale_fn = scale_fn

    def scale(self, count: Tensor) -> Tensor:
        return self.scale_fn(count)

    def get_config(self) -> Config:
        config = super().get_config()
        return {**config, "scale_fn": keras.saving.serialize_keras_object(self.scale_fn)}

    @classmethod
    def from_config(cls, config: Config) -> "CyclicalLearningRate":
        function: Any = config["scale_fn"]
        if not callable(function):
            function = keras.saving.deserialize_keras_object(function)
        return cls(**{**config, "scale_fn": function})

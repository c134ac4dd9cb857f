"""A triangular wave whose height falls by a factor."""

import math

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_cyclical import BaseCyclical


@register
class ExponentialCyclicalLearningRate(BaseCyclical):
    """Up and down between two rates, the height falling by a factor.

        cycle = floor(1 + step / (2 step_size))
        x = |step / step_size - 2 cycle + 1|
        rate(step) = initial + (maximal - initial) (1 - x) gamma^(step or cycle)

    Args:
        initial_learning_rate: rate at the foot of each cycle, at least 0.
        maximal_learning_rate: rate at the top where the factor is 1, at least 0.
        step_size: updates from foot to top, more than 0: a cycle is twice as long. Usual is 2 to
            8 times the updates of an epoch.
        scale_mode: what `gamma` is raised to: `"iterations"`, the step from 0 (the default), or
            `"cycle"`, the number of the cycle from 1.
        gamma: factor in (0, 1]. Default 1: the height stays.
        name: name of the schedule. Default `"ExponentialCyclicalLearningRate"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.ExponentialCyclicalLearningRate(
        ...     0.0, 1.0, step_size=4, gamma=0.9)
        >>> [round(float(rate(step)), 3) for step in (0, 4, 8, 12)]
        [0.0, 0.656, 0.0, 0.282]

    Reference:
        Smith, 2017, https://arxiv.org/abs/1506.01186, the policy "exp range".
        Differs from TensorFlow Addons in how the power is taken: as `exp(step log(gamma))`, with
        the logarithm in double precision, for `gamma` in float32 would be off by a per cent after
        a few hundred thousand updates.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "iterations",
        gamma: float = 1.0,
        name: str = "ExponentialCyclicalLearningRate",
    ) -> None:
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)
        check_number("gamma", gamma, low=0, high=1, open_low=True)
        self.gamma = gamma

    def scale(self, count: Tensor) -> Tensor:
        return ops.exp(count * math.log(self.gamma))

    def get_config(self) -> Config:
        return {**super().get_config(), "gamma": self.gamma}

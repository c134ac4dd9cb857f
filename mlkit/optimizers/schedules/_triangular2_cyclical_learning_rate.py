"""A triangular wave that is halved from cycle to cycle."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.optimizers.schedules._base_cyclical import BaseCyclical


@register
class Triangular2CyclicalLearningRate(BaseCyclical):
    """Up and down between two rates, each cycle half as high as the one before.

        cycle = floor(1 + step / (2 step_size))
        x = |step / step_size - 2 cycle + 1|
        rate(step) = initial + (maximal - initial) (1 - x) / 2^(cycle - 1)

    Args:
        initial_learning_rate: rate at the foot of each cycle, at least 0.
        maximal_learning_rate: rate at the top of the first cycle, at least 0.
        step_size: updates from foot to top, more than 0: a cycle is twice as long. Usual is 2 to
            8 times the updates of an epoch.
        scale_mode: what the height is halved by: `"cycle"` (the default); with `"iterations"` it
            is halved at each update, as TensorFlow Addons does then.
        name: name of the schedule. Default `"Triangular2CyclicalLearningRate"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.Triangular2CyclicalLearningRate(0.0, 1.0, step_size=4)
        >>> [round(float(rate(step)), 3) for step in (0, 4, 8, 12, 20)]
        [0.0, 1.0, 0.0, 0.5, 0.25]

    Reference:
        Smith, 2017, https://arxiv.org/abs/1506.01186, the policy "triangular2".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "cycle",
        name: str = "Triangular2CyclicalLearningRate",
    ) -> None:
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, count: Tensor) -> Tensor:
        return ops.power(0.5, count - 1.0)

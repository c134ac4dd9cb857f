"""A triangular wave of constant height."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.optimizers.schedules._base_cyclical import BaseCyclical


@register
class TriangularCyclicalLearningRate(BaseCyclical):
    """Up and down between two rates, each cycle as high as the first.

        cycle = floor(1 + step / (2 step_size))
        x = |step / step_size - 2 cycle + 1|
        rate(step) = initial + (maximal - initial) (1 - x)

    Args:
        initial_learning_rate: rate at the foot of each cycle, at least 0.
        maximal_learning_rate: rate at the top, at least 0.
        step_size: updates from foot to top, more than 0: a cycle is twice as long. Usual is 2 to
            8 times the updates of an epoch.
        scale_mode: without effect here, where the height is constant; kept for its place among
            the arguments of TensorFlow Addons. `"cycle"` (the default) or `"iterations"`.
        name: name of the schedule. Default `"TriangularCyclicalLearningRate"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.TriangularCyclicalLearningRate(0.1, 0.5, step_size=4)
        >>> [round(float(rate(step)), 3) for step in (0, 2, 4, 6, 8, 12)]
        [0.1, 0.3, 0.5, 0.3, 0.1, 0.5]

    Reference:
        Smith, 2017, https://arxiv.org/abs/1506.01186, the policy "triangular".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str = "cycle",
        name: str = "TriangularCyclicalLearningRate",
    ) -> None:
        super().__init__(initial_learning_rate, maximal_learning_rate, step_size, scale_mode, name)

    def scale(self, count: Tensor) -> Tensor:
        return ops.ones_like(count)

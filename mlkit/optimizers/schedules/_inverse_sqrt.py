"""Decay by the inverse square root of the step, after a warm-up."""

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number


@register
class InverseSqrt(BaseSchedule):
    """Linear warm-up, and then decay by the inverse square root of the step.

        rate(step) = initial + (peak - initial) step / warmup_steps    step < warmup_steps
        rate(step) = peak √(warmup_steps / step)                       from there on

    It needs no length of the run, and never reaches 0. `Noam` is the same curve given by the width
    of a transformer instead of a peak.

    Args:
        learning_rate: the peak, at least 0, reached at step `warmup_steps`.
        warmup_steps: length of the warm-up in updates, at least 1; also the scale of the decay.
        initial_learning_rate: rate at step 0, at least 0. Default 0.
        name: name of the schedule. Default `"InverseSqrt"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.InverseSqrt(1.0, warmup_steps=4)
        >>> [round(float(rate(step)), 3) for step in (0, 2, 4, 16, 64)]
        [0.0, 0.5, 1.0, 0.5, 0.25]

    Reference:
        Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, section 5.3, with the peak as the
        argument.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        initial_learning_rate: float = 0.0,
        name: str = "InverseSqrt",
    ) -> None:
        super().__init__()
        check_number("learning_rate", learning_rate, low=0)
        check_integer("warmup_steps", warmup_steps, low=1)
        check_number("initial_learning_rate", initial_learning_rate, low=0)
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.initial_learning_rate = initial_learning_rate
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        step = number(step)
        first = self.initial_learning_rate
        ramp = first + (self.learning_rate - first) * step / self.warmup_steps
        later = ops.maximum(step, float(self.warmup_steps))
        decayed = self.learning_rate * ops.sqrt(self.warmup_steps / later)
        return ops.where(step < self.warmup_steps, ramp, decayed)

    def get_config(self) -> Config:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "initial_learning_rate": self.initial_learning_rate,
            **super().get_config(),
        }

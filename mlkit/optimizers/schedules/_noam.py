"""The schedule of the first transformer."""

import math

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number


@register
class Noam(BaseSchedule):
    """Linear warm-up and inverse square root, scaled by the width of a transformer.

        t = step + 1
        rate(step) = scale / √d_model · min(1 / √t, t / warmup_steps^1.5)

    The highest rate, `scale / √(d_model warmup_steps)`, is that of step `warmup_steps - 1`: the
    paper counts updates from 1, Keras from 0. `InverseSqrt` takes the highest rate itself.

    Args:
        d_model: width of the model, at least 1.
        warmup_steps: length of the warm-up in updates, at least 1. Default 4000.
        scale: factor of all rates, at least 0. Default 1.
        name: name of the schedule. Default `"Noam"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.Noam(d_model=4, warmup_steps=25)
        >>> [round(float(rate(step)), 3) for step in (0, 24, 99)]
        [0.004, 0.1, 0.05]

    Reference:
        Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, equation 3.
    """

    def __init__(
        self,
        d_model: int,
        warmup_steps: int = 4000,
        scale: float = 1.0,
        name: str = "Noam",
    ) -> None:
        super().__init__()
        check_integer("d_model", d_model, low=1)
        check_integer("warmup_steps", warmup_steps, low=1)
        check_number("scale", scale, low=0)
        self.d_model = d_model
        self.warmup_steps = warmup_steps
        self.scale = scale
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        t = number(step) + 1.0
        factor = self.scale / math.sqrt(self.d_model)
        return factor * ops.minimum(ops.rsqrt(t), t * self.warmup_steps**-1.5)

    def get_config(self) -> Config:
        return {
            "d_model": self.d_model,
            "warmup_steps": self.warmup_steps,
            "scale": self.scale,
            **super().get_config(),
        }

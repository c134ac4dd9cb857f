"""Warm-up, a constant rate, and a decay at the end."""

import math

from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number


@register
class WSD(BaseSchedule):
    """Warm-up, stable rate, decay.

        rate(step) = initial + (peak - initial) step / warmup_steps        step < warmup_steps
        rate(step) = peak                                                  for stable_steps
        rate(step) = final + (peak - final) g(left)                        for decay_steps
        rate(step) = final                                                 from there on

    with `left` the share of the decay that is still to come, from 1 to 0, and

        g(left) = left                       decay="linear"
        g(left) = 1 - √(1 - left)            decay="sqrt"
        g(left) = (1 - cos(π left)) / 2      decay="cosine"

    Use it where the length of a run is not settled: the stable part can go on, and a decay from any
    of its checkpoints gives a finished model.

    Args:
        learning_rate: the peak, at least 0.
        warmup_steps: updates up to the peak, at least 0.
        stable_steps: updates at the peak, at least 0.
        decay_steps: updates of the decay, at least 1.
        decay: `"linear"` (the default), `"sqrt"` or `"cosine"`.
        initial_learning_rate: rate at step 0, at least 0. Default 0.
        final_learning_rate: rate after the decay, at least 0. Default 0.
        name: name of the schedule. Default `"WSD"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.WSD(1.0, warmup_steps=4, stable_steps=10, decay_steps=4)
        >>> [round(float(rate(step)), 3) for step in (0, 2, 4, 14, 16, 18, 99)]
        [0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0]

    Reference:
        Hu et al., 2024, https://arxiv.org/abs/2404.06395; the decays as in Hägele et al., 2024,
        https://arxiv.org/abs/2405.18392, where `"sqrt"` (there "1-sqrt") does best.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        decay: str = "linear",
        initial_learning_rate: float = 0.0,
        final_learning_rate: float = 0.0,
        name: str = "WSD",
    ) -> None:
        super().__init__()
        check_number("learning_rate", learning_rate, low=0)
        check_integer("warmup_steps", warmup_steps, low=0)
        check_integer("stable_steps", stable_steps, low=0)
        check_integer("decay_steps", decay_steps, low=1)
        check_choice("decay", decay, ("linear", "sqrt", "cosine"))
        check_number("initial_learning_rate", initial_learning_rate, low=0)
        check_number("final_learning_rate", final_learning_rate, low=0)
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.stable_steps = stable_steps
        self.decay_steps = decay_steps
        self.decay = decay
        self.initial_learning_rate = initial_learning_rate
        self.final_learning_rate = final_learning_rate
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        step = number(step)
        begin = self.warmup_steps + self.stable_steps
        left = ops.clip((begin + self.decay_steps - step) / self.decay_steps, 0.0, 1.0)
        if self.decay == "sqrt":
            # Not 1 - left: the root makes much of what a division leaves of 0.
            gone = ops.clip((step - begin) / self.decay_steps, 0.0, 1.0)
            left = 1.0 - ops.sqrt(gone)
        elif self.decay == "cosine":
            left = ops.square(ops.sin(0.5 * math.pi * left))
        final = self.final_learning_rate
        rate = final + (self.learning_rate - final) * left
        if not self.warmup_steps:
            return rate
        first = self.initial_learning_rate
        ramp = first + (self.learning_rate - first) * step / self.warmup_steps
        return ops.where(step < self.warmup_steps, ramp, rate)

    def get_config(self) -> Config:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "stable_steps": self.stable_steps,
            "decay_steps": self.decay_steps,
            "decay": self.decay,
            "initial_learning_rate": self.initial_learning_rate,
            "final_learning_rate": self.final_learning_rate,
            **super().get_config(),
        }

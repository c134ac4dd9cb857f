"""Cosine cycles, each with its warm-up."""

import math

import numpy as np
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number, whole

_LONGEST = 2**31  # steps


@register
class CosineWithWarmupRestarts(BaseSchedule):
    """Cosine decay in cycles, each of which begins with a linear warm-up.

    In cycle n (from 0), with `peak = learning_rate m_mul^n`, `low = alpha learning_rate`, L its
    length, s the step in it and w = `warmup_steps`:

        rate(step) = low + (peak - low) s / w                                s < w
        rate(step) = low + (peak - low) (1 + cos(π (s - w) / (L - w))) / 2   from there on

    Cycle n is `first_decay_steps t_mul^n` updates long, rounded; the warm-up is part of it. A peak
    that has fallen below `low` stays at `low`.

    Args:
        learning_rate: highest rate of the first cycle, at least 0.
        first_decay_steps: length of the first cycle in updates, more than `warmup_steps`.
        warmup_steps: updates of the warm-up of each cycle, at least 0; with 0 a cycle begins at its
            peak. Default 0.
        t_mul: each cycle is this many times as long as the one before: 1, or at least
            1.01. Default 2.
        m_mul: each peak is this many times the one before, in (0, 1]. Default 1.
        alpha: lowest rate as a fraction of `learning_rate`, in [0, 1]. Default 0.
        name: name of the schedule. Default `"CosineWithWarmupRestarts"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.CosineWithWarmupRestarts(1.0, 12, warmup_steps=2)
        >>> [round(float(rate(step)), 3) for step in (0, 1, 2, 7, 12, 13, 14, 25)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5]

    Reference:
        Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983. Differs from
        `keras.optimizers.schedules.CosineDecayRestarts`, whose names it keeps, in the warm-up, and
        in that the number of the cycle is looked up, not computed as a logarithm in float32:
        cycles from 10 steps on, doubling, there restart one step late at step 81,910.
    """

    def __init__(
        self,
        learning_rate: float,
        first_decay_steps: int,
        warmup_steps: int = 0,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "CosineWithWarmupRestarts",
    ) -> None:
        super().__init__()
        check_number("learning_rate", learning_rate, low=0)
        check_integer("warmup_steps", warmup_steps, low=0)
        check_integer("first_decay_steps", first_decay_steps, low=warmup_steps + 1)
        if t_mul != 1:
            check_number("t_mul", t_mul, low=1.01)
        check_number("m_mul", m_mul, low=0, high=1, open_low=True)
        check_number("alpha", alpha, low=0, high=1)
        self.learning_rate = learning_rate
        self.first_decay_steps = first_decay_steps
        self.warmup_steps = warmup_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name
        self._starts = None if t_mul == 1 else _starts(first_decay_steps, t_mul)

    def _cycle(self, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Number of the cycle, the step in it, and its length."""
        if self._starts is None:
            length = ops.cast(self.first_decay_steps, step.dtype)
            return ops.floor_divide(step, length), ops.mod(step, length), length
        starts = ops.convert_to_tensor(self._starts)
        n = ops.searchsorted(starts[1:], ops.reshape(step, (1,)), side="right")[0]
        start = ops.take(starts, n)
        return n, step - start, ops.take(starts, n + 1) - start

    def __call__(self, step: Tensor) -> Tensor:
        n, place, length = map(number, self._cycle(whole(step)))
        low = self.alpha * self.learning_rate
        peak = self.learning_rate * ops.exp(n * math.log(self.m_mul))
        height = ops.maximum(peak - low, 0.0)
        left = (length - place) / (length - self.warmup_steps)
        share = ops.square(ops.sin(0.5 * math.pi * ops.minimum(left, 1.0)))
        if self.warmup_steps:
            ramp = place / self.warmup_steps
            share = ops.where(place < self.warmup_steps, ramp, share)
        return low + height * share

    def get_config(self) -> Config:
        return {
            "learning_rate": self.learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "warmup_steps": self.warmup_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            **super().get_config(),
        }


def _starts(first: int, factor: float) -> np.ndarray:
    """The first step of each cycle, and of the one that begins after all steps."""
    starts, length = [0], float(first)
    while starts[-1] <= _LONGEST:
        starts.append(starts[-1] + round(length))
        length *= factor
    return np.asarray([*starts, starts[-1] + round(length)], np.int64)

"""The phases that the rate and the momentum of one cycle share."""

import math

from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number


class BaseOneCycle(BaseSchedule):
    """Two or three phases, each from one value to the next.

    Args:
        total_steps: length in updates, at least 2.
        pct_start: share of the first phase, in (0, 1).
        anneal_strategy: `"cos"` or `"linear"`.
        three_phase: whether there are three.
        name: name of the schedule.
    """

    def __init__(
        self,
        total_steps: int,
        pct_start: float,
        anneal_strategy: str,
        three_phase: bool,
        name: str,
    ) -> None:
        super().__init__()
        check_integer("total_steps", total_steps, low=2)
        check_bool("three_phase", three_phase)
        check_number("pct_start", pct_start, low=0, high=1, open_low=True, open_high=True)
        check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
        if three_phase and pct_start > 0.5:
            raise ValueError(
                "`pct_start` must be at most 0.5 with `three_phase`, which has two phases of this "
                f"length. Received: pct_start={pct_start!r}"
            )
        if pct_start * total_steps <= 1:
            raise ValueError(
                "`pct_start * total_steps` must be more than 1, or the first phase has no step. "
                f"Received: pct_start={pct_start!r}, total_steps={total_steps!r}"
            )
        self.total_steps = total_steps
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.three_phase = three_phase
        self.name = name

    def _knots(self) -> list[float]:
        """Where each phase begins, and where the last one ends."""
        first = self.pct_start * self.total_steps
        middle = [2 * first - 2] if self.three_phase else []
        return [0.0, first - 1, *middle, self.total_steps - 1.0]

    def between(self, step: Tensor, first: float, top: float, third: float, end: float) -> Tensor:
        """From `first` to `top`, with three phases back to `third`, and to `end`."""
        values = [first, top, *([third] if self.three_phase else []), end]
        knots = self._knots()
        step = number(step)
        found = ops.full_like(step, end)
        for i in reversed(range(len(knots) - 1)):
            a, b = values[i], values[i + 1]
            # The share that is left, and not 1 - f, keeps small last rates to full precision.
            left = (knots[i + 1] - step) / (knots[i + 1] - knots[i])
            if self.anneal_strategy == "cos":
                left = ops.square(ops.sin(0.5 * math.pi * left))
            phase = b + (a - b) * left
            found = ops.where(step < knots[i + 1], phase, found)
        return found

    def get_config(self) -> Config:
        return {
            "total_steps": self.total_steps,
            "pct_start": self.pct_start,
            "anneal_strategy": self.anneal_strategy,
            "three_phase": self.three_phase,
            **super().get_config(),
        }

"""The wave that the cyclical schedules share."""

from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number, whole


class BaseCyclical(BaseSchedule):
    """Up and down between two rates, the height scaled by what a subclass says.

    Args:
        initial_learning_rate: rate at the foot of each cycle, at least 0.
        maximal_learning_rate: rate at the top of an unscaled cycle, at least 0.
        step_size: updates from foot to top, more than 0.
        scale_mode: what `scale` is given: `"cycle"` or `"iterations"`.
        name: name of the schedule.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        maximal_learning_rate: float,
        step_size: float,
        scale_mode: str,
        name: str,
    ) -> None:
        super().__init__()
        check_number("initial_learning_rate", initial_learning_rate, low=0)
        check_number("maximal_learning_rate", maximal_learning_rate, low=0)
        check_number("step_size", step_size, low=0, open_low=True)
        check_choice("scale_mode", scale_mode, ("cycle", "iterations"))
        self.initial_learning_rate = initial_learning_rate
        self.maximal_learning_rate = maximal_learning_rate
        self.step_size = step_size
        self.scale_mode = scale_mode
        self.name = name

    def scale(self, count: Tensor) -> Tensor:
        """The share of the full height at a cycle (from 1) or step (from 0), in float32."""
        raise NotImplementedError

    def __call__(self, step: Tensor) -> Tensor:
        period = 2 * self.step_size
        # Of whole periods the remainder is exact, also where float32 no longer holds the step.
        at = whole(step) if float(period).is_integer() else number(step)
        period = ops.cast(period, at.dtype)
        place = ops.cast(ops.mod(at, period), "float32") / self.step_size
        cycle = ops.cast(ops.floor_divide(at, period), "float32") + 1.0
        count = cycle if self.scale_mode == "cycle" else number(step)
        height = ops.minimum(place, 2.0 - place) * ops.cast(self.scale(count), "float32")
        low, high = self.initial_learning_rate, self.maximal_learning_rate
        return low + (high - low) * height

    def get_config(self) -> Config:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "maximal_learning_rate": self.maximal_learning_rate,
            "step_size": self.step_size,
            "scale_mode": self.scale_mode,
            **super().get_config(),
        }

"""Straight lines between given rates."""

from collections.abc import Sequence

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, number, whole


@register
class PiecewiseLinear(BaseSchedule):
    """Straight lines between given rates at given steps.

        rate(step) = values[i] + (values[i + 1] - values[i])
                                 (step - boundaries[i]) / (boundaries[i + 1] - boundaries[i])

    between two boundaries; at a boundary its value exactly, before the first the first value, after
    the last the last. `keras.optimizers.schedules.PiecewiseConstantDecay` is the one with jumps.

    Args:
        boundaries: steps, at least 0 and growing, at least two.
        values: the rate at each of them, at least 0.
        name: name of the schedule. Default `"PiecewiseLinear"`.

    Raises:
        ValueError: an argument out of its range, or numbers of values and boundaries that differ.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.PiecewiseLinear([0, 10, 30], [0.0, 1.0, 0.2])
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 20, 30, 99)]
        [0.0, 0.5, 1.0, 0.6, 0.2, 0.2]
    """

    def __init__(
        self,
        boundaries: Sequence[int],
        values: Sequence[float],
        name: str = "PiecewiseLinear",
    ) -> None:
        super().__init__()
        if len(boundaries) < 2 or len(boundaries) != len(values):
            raise ValueError(
                "`boundaries` and `values` must be of one length, at least 2. "
                f"Received: boundaries={boundaries!r}, values={values!r}"
            )
        for i, boundary in enumerate(boundaries):
            check_integer(f"boundaries[{i}]", boundary, low=boundaries[i - 1] + 1 if i else 0)
        for i, value in enumerate(values):
            check_number(f"values[{i}]", value, low=0)
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        step, knots = whole(step), self.boundaries
        rate = ops.full_like(number(step), self.values[-1])
        for i in reversed(range(len(knots) - 1)):
            left = number(knots[i + 1] - step) / (knots[i + 1] - knots[i])
            a, b = self.values[i], self.values[i + 1]
            rate = ops.where(step < knots[i + 1], b + (a - b) * left, rate)
        return ops.where(step <= knots[0], float(self.values[0]), rate)

    def get_config(self) -> Config:
        return {
            "boundaries": list(self.boundaries),
            "values": list(self.values),
            **super().get_config(),
        }

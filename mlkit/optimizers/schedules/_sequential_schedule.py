"""Schedules one after the other."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import (
    BaseSchedule,
    Rate,
    check_rate,
    loaded,
    rate_at,
    whole,
)


@register
class SequentialSchedule(BaseSchedule):
    """One schedule after the other, each counting its own steps from 0.

        rate(step) = schedules[i](step - boundaries[i - 1])
        for the i with boundaries[i - 1] <= step < boundaries[i]

    A boundary is the first step of the next schedule. Beside it nothing is smoothed: let each
    schedule begin where the one before ends.

    Args:
        schedules: schedules or constant rates, at least one.
        boundaries: steps at which the next schedule begins, one fewer than schedules, at least 1
            and growing.
        name: name of the schedule. Default `"SequentialSchedule"`.

    Raises:
        ValueError: an argument out of its range, or a number of boundaries that does not fit.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> s = mk.optimizers.schedules
        >>> rate = s.SequentialSchedule([0.1, s.WarmupSchedule(1.0, 4, 0.2), 0.5], [3, 10])
        >>> [round(float(rate(step)), 3) for step in (2, 3, 7, 9, 10)]
        [0.1, 0.2, 1.0, 1.0, 0.5]

    Reference:
        `optax.join_schedules` (DeepMind, 2020,
        https://github.com/google-deepmind/optax) counts the same way.
    """

    def __init__(
        self,
        schedules: Sequence[Rate],
        boundaries: Sequence[int],
        name: str = "SequentialSchedule",
    ) -> None:
        super().__init__()
        if not schedules or len(boundaries) != len(schedules) - 1:
            raise ValueError(
                "`boundaries` must be one fewer than `schedules`, of which there is at least one. "
                f"Received: {len(schedules)} schedules, boundaries={boundaries!r}"
            )
        for i, schedule in enumerate(schedules):
            check_rate(f"schedules[{i}]", schedule)
        for i, boundary in enumerate(boundaries):
            check_integer(f"boundaries[{i}]", boundary, low=boundaries[i - 1] + 1 if i else 1)
        self.schedules = schedules
        self.boundaries = boundaries
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        step = whole(step)
        rate = rate_at(self.schedules[0], step)
        for schedule, begin in zip(self.schedules[1:], self.boundaries, strict=True):
            # A schedule is never asked for a step before its first.
            after = rate_at(schedule, ops.maximum(step - begin, 0))
            rate = ops.where(step < begin, rate, after)
        return rate

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "schedules": [serialize(schedule) for schedule in self.schedules],
            "boundaries": list(self.boundaries),
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> "SequentialSchedule":
        schedules: Any = [loaded(schedule) for schedule in config["schedules"]]
        return cls(**{**config, "schedules": schedules})

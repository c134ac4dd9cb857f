"""What the schedules of this package share: the step as a number, nested schedules, a drawing."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.figure import TRAINING, new_figure, plain
from mlkit._core.types import Config, Tensor

LearningRateSchedule = keras.optimizers.schedules.LearningRateSchedule
Rate = float | LearningRateSchedule

_DRAWN = 20_000  # points; more than a figure has pixels many times over


def check_rate(name: str, value: Any) -> None:
    """Raise unless `value` is a rate of at least 0 or a schedule."""
    if not isinstance(value, LearningRateSchedule):
        check_number(name, value, low=0)


def rate_at(rate: Any, step: Tensor) -> Tensor:
    """A number, or what a schedule gives at `step`, in float32."""
    return ops.cast(rate(step) if callable(rate) else rate, "float32")


def whole(step: Tensor) -> Tensor:
    """The step as an integer, in which neighbours are told apart however many there were."""
    return ops.cast(ops.convert_to_tensor(step), "int64")


def number(step: Tensor) -> Tensor:
    """The step in float32."""
    return ops.cast(ops.convert_to_tensor(step), "float32")


def loaded(rate: Any) -> Any:
    """A rate as `__init__` takes it, from a configuration."""
    return keras.saving.deserialize_keras_object(rate) if isinstance(rate, dict) else rate


class BaseSchedule(LearningRateSchedule):
    """A schedule that can be drawn."""

    name: str

    def plot(self, steps: int, *, title: str | None = None) -> Any:
        """Draw the rate over the updates `0, ..., steps - 1`.

        Args:
            steps: number of updates, at least 1. Of more than 20,000 some are left out.
            title: title of the figure; default: the highest and the last rate in words.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook shows by itself.

        Raises:
            ImportError: matplotlib is not installed.
        """
        check_integer("steps", steps, low=1)
        figure = new_figure(f"{type(self).__name__}.plot", 6.4, 3.2)
        at = np.unique(np.linspace(0, steps - 1, min(steps, _DRAWN)).astype(np.int64))
        rates: Any = ops.convert_to_numpy(ops.vectorized_map(self, ops.convert_to_tensor(at)))
        axes = figure.add_subplot()
        axes.plot(at, rates, color=TRAINING, linewidth=1.8)
        axes.set_xlabel("update")
        axes.set_ylabel("rate")
        axes.set_ylim(bottom=0)
        plain(axes)
        top = int(rates.argmax())
        told = f"{self.name}: highest {rates[top]:.3g} at {at[top]:,}, last {rates[-1]:.3g}"
        axes.set_title(told if title is None else title, loc="left", fontsize=10)
        return figure

    def get_config(self) -> Config:
        return {"name": self.name}

"""A schedule times a number that can be changed while it is in use."""

from typing import Any

import keras

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, check_rate, loaded, rate_at


@register
class ScaledSchedule(BaseSchedule):
    """A schedule times a number that can be changed while it is in use.

    `rate(step) = scale * learning_rate(step)`. A step that is compiled already sees a new `scale`,
    for it is a variable: so a callback can lower the rate of an optimizer that follows a schedule
    (`mk.callbacks.WarmupReduceLROnPlateau` does).

    Args:
        learning_rate: a schedule, or a number of at least 0.
        scale: factor, at least 0; the attribute of this name can be set. Default 1.
        name: name of the schedule. Default `"ScaledSchedule"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.ScaledSchedule(0.5, scale=0.5)
        >>> before = float(rate(0))
        >>> rate.scale = 0.25
        >>> before, float(rate(0))
        (0.25, 0.125)
    """

    def __init__(
        self, learning_rate: Any, scale: float = 1.0, name: str = "ScaledSchedule"
    ) -> None:
        super().__init__()
        check_rate("learning_rate", learning_rate)
        check_number("scale", scale, low=0)
        self.learning_rate = learning_rate
        self.name = name
        self._scale = keras.Variable(scale, dtype="float32", trainable=False, name="scale")

    @property
    def scale(self) -> float:
        return float(keras.ops.convert_to_numpy(self._scale))

    @scale.setter
    def scale(self, scale: float) -> None:
        check_number("scale", scale, low=0)
        self._scale.assign(scale)

    def __call__(self, step: Tensor) -> Tensor:
        return self._scale * rate_at(self.learning_rate, step)

    def get_config(self) -> Config:
        return {
            "learning_rate": keras.saving.serialize_keras_object(self.learning_rate),
            "scale": self.scale,
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> "ScaledSchedule":
        return cls(**{**config, "learning_rate": loaded(config["learning_rate"])})

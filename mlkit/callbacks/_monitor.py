"""A metric that a callback watches: its direction, and its value in the logs."""

import math
import warnings
from typing import Any

from mlkit._core.checks import check_choice
from mlkit._core.types import Logs

_LARGER = ("acc", "auc", "f1", "precision", "recall", "iou", "dice", "matthews", "kappa")
_LARGER += ("r2", "r_square", "corr", "psnr", "ssim")
_SMALLER = ("loss", "error", "mse", "mae", "mape", "rmse", "crossentropy", "nll", "perplexity")


class Monitor:
    """Reads one metric from the logs and says which of two values is better.

    Args:
        name: of the metric in the logs.
        mode: `"min"`, `"max"`, or `"auto"`: by the name.
        owner: the class that watches, for messages.

    Raises:
        ValueError: `mode` is no mode, or `"auto"` and the name tells no direction.
    """

    def __init__(self, name: str, mode: str, owner: str) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError(f"`monitor` must be the name of a metric. Received: monitor={name!r}")
        check_choice("mode", mode, ("auto", "min", "max"))
        self.name, self.owner = name, owner
        self.mode = _direction(name) if mode == "auto" else mode
        self._warned = False

    def value(self, logs: Logs) -> float | None:
        """The value in the logs of an epoch; None where this epoch was not validated.

        Raises:
            ValueError: the metric is not reported; the message lists those that are.
        """
        if self.name in logs:
            return float(logs[self.name])
        there = ", ".join(logs) or "none"
        validated = any(name.startswith("val_") for name in logs)
        if self.name.startswith("val_") and not validated:
            if not self._warned:
                warnings.warn(
                    f"{self.owner} watches monitor={self.name!r}, and nothing was validated in "
                    f"this epoch. There are: {there}. Give `validation_data`.",
                    stacklevel=2,
                )
            self._warned = True
            return None
        raise ValueError(
            f"{self.owner} watches monitor={self.name!r}, which is not reported. "
            f"There are: {there}."
        )

    def better(self, value: float, other: float, margin: float = 0.0) -> bool:
        """Whether `value` beats `other` by more than `margin`; NaN beats nothing."""
        if math.isnan(value):
            return False
        if math.isnan(other):
            return True
        return value < other - margin if self.mode == "min" else value > other + margin

    def key(self, value: float) -> float:
        """For sorting, the best first; NaN is the worst."""
        if math.isnan(value):
            return math.inf
        return value if self.mode == "min" else -value


def _direction(name: str) -> str:
    lower = name.lower()
    if any(part in lower for part in _SMALLER):
        return "min"
    if any(part in lower for part in _LARGER):
        return "max"
    raise ValueError(
        f'`mode="auto"` cannot tell whether a larger {name!r} is better. Give mode="min" or "max".'
    )


def say(callback: Any, text: str) -> None:
    """Print one line of a callback, unless it is silent."""
    if getattr(callback, "verbose", 1):
        print(f"{type(callback).__name__}: {text}")

"""Argument checks: each names the argument, the value received and what is expected."""

import math
import numbers
from collections.abc import Iterable
from typing import Any


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Raise unless `value` is a real, finite number in [low, high] (or open at an end).

    Raises:
        TypeError: not a number (`bool` is not one).
        ValueError: out of the range, infinite or NaN.
    """
    left, right = "(" if open_low else "[", ")" if open_high else "]"
    if math.isinf(low) and math.isinf(high):
        expected = "a finite number"
    else:
        expected = f"a number in {left}{low:g}, {high:g}{right}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be {expected}. Received: {name}={value!r}")
    number = float(value)
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if not math.isfinite(number) or below or above:
        raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}")


def check_integer(
    name: str, value: Any, *, low: int | None = None, high: int | None = None
) -> None:
    """Raise unless `value` is an integer in [low, high].

    Raises:
        TypeError: not an integer (`bool` is not one).
        ValueError: out of the range.
    """
    if low is not None and high is not None:
        expected = f"an integer in [{low}, {high}]"
    elif low is not None:
        expected = f"an integer ≥ {low}"
    elif high is not None:
        expected = f"an integer ≤ {high}"
    else:
        expected = "an integer"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be {expected}. Received: {name}={value!r}")
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}")


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Raise `ValueError` unless `value` is one of `choices`."""
    allowed = list(choices)
    if value not in allowed:
        listed = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"`{name}` must be one of {listed}. Received: {name}={value!r}")


def check_bool(name: str, value: Any) -> None:
    """Raise `TypeError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False. Received: {name}={value!r}")

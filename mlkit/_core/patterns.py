"""Choosing variables by regular expressions on their paths."""

import re
from collections.abc import Iterable, Sequence

from mlkit._core.types import Variable


def path_of(variable: Variable) -> str:
    """The path of a Keras variable (`"encoder/dense/kernel"`), the name of any other."""
    return getattr(variable, "path", None) or variable.name


def check_patterns(name: str, patterns: Iterable[str]) -> None:
    """Raise unless each of `patterns` is a regular expression.

    Args:
        name: the argument that holds them, for the message.
        patterns: what was given.

    Raises:
        TypeError: one is not a string.
        ValueError: one is not a regular expression.
    """
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(
                f"`{name}` must be regular expressions on variable paths, as strings. "
                f"Received: {name}={pattern!r}"
            )
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"`{name}` must be regular expressions, but {pattern!r} is none: {error}"
            ) from None


def chosen(name: str, patterns: Sequence[str], variables: Sequence[Variable]) -> list[int | None]:
    """For each variable the place of the first pattern that is found in its path, or None.

    Args:
        name: the argument that holds the patterns, for the message.
        patterns: regular expressions, looked for anywhere in a path (`re.search`).
        variables: the variables.

    Raises:
        ValueError: a pattern is found in no path. It would do nothing without a word.
    """
    paths = [path_of(v) for v in variables]
    for pattern in patterns:
        if not any(re.search(pattern, path) for path in paths):
            listed = ", ".join(paths[:8]) + (", ..." if len(paths) > 8 else "")
            raise ValueError(
                f"`{name}`: the pattern {pattern!r} is in no variable's path. The paths are: "
                f"{listed}. Received: {name}={patterns!r}"
            )
    return [next((i for i, p in enumerate(patterns) if re.search(p, path)), None) for path in paths]

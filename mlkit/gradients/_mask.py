"""Gradients of some variables only."""

from collections.abc import Sequence
from typing import Any

from mlkit._core.patterns import check_patterns, chosen
from mlkit._core.types import Variable
from mlkit.gradients._transform import Gradients, Transform


def mask(*patterns: str) -> Transform:
    """Freeze the variables whose path holds one of the patterns.

    Their gradient becomes None, so that the optimizer leaves them alone: no momentum, no weight
    decay. Put it first, so that what is frozen is not part of a global norm.

    `layer.trainable = False` also puts batch normalisation and dropout to rest and saves the
    computation; but it must be set before the optimizer is built, and this needs not.

    Args:
        patterns: regular expressions, looked for anywhere in a path such as
            `"encoder/dense_1/kernel"`. At least one.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: no pattern is given, or one is not a regular expression; when called, a pattern
            is in no path.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> a, b = keras.Variable([0.0], name="a"), keras.Variable([0.0], name="b")
        >>> mk.gradients.mask("a$")([keras.ops.ones(1), keras.ops.ones(1)], [a, b])[0] is None
        True
    """
    if not patterns:
        raise ValueError("`patterns` must hold at least one pattern. Received: none")
    check_patterns("patterns", patterns)

    def freeze(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        places = chosen("patterns", patterns, variables)
        pairs = zip(gradients, places, strict=True)
        return [g if place is None else None for g, place in pairs]

    return Transform(freeze, f"mask({', '.join(map(repr, patterns))})")

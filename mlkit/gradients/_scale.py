"""Gradients times a number."""

from collections.abc import Sequence
from typing import Any

from mlkit._core.checks import check_number
from mlkit._core.patterns import check_patterns, chosen
from mlkit._core.types import Variable
from mlkit.gradients._slices import times
from mlkit.gradients._transform import Gradients, Transform, written


def scale(factor: float, pattern: str | None = None) -> Transform:
    """Multiply the gradients, or those of some variables, by a number.

    With plain SGD this is a factor of the learning rate. An optimizer that divides by the size of
    past gradients (Adam, RMSprop) takes it out again: it needs learning rates of its own, as
    `mk.training.MultiOptimizer` gives.

    Args:
        factor: any finite number; negative ones climb.
        pattern: regular expression that is looked for in the variables' paths; default: all.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `pattern` is not a regular expression, or, when called, in no path.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> a, b = keras.Variable([0.0], name="a"), keras.Variable([0.0], name="b")
        >>> grads = [keras.ops.ones(1), keras.ops.ones(1)]
        >>> [g.numpy().tolist() for g in mk.gradients.scale(0.1, "b")(grads, [a, b])]
        [[1.0], [0.10000000149011612]]
    """
    check_number("factor", factor)
    patterns = [] if pattern is None else [pattern]
    check_patterns("pattern", patterns)

    def multiply(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        if pattern is None:
            return [times(g, factor) for g in gradients]
        places = chosen("pattern", patterns, variables)
        pairs = zip(gradients, places, strict=True)
        return [g if place is None else times(g, factor) for g, place in pairs]

    return Transform(multiply, written("scale", factor, pattern=pattern))

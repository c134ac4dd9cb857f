"""Several transforms as one."""

from collections.abc import Sequence
from typing import Any

from mlkit._core.types import Variable
from mlkit.gradients._transform import Function, Gradients, Transform


def chain(*transforms: Function) -> Transform:
    """Apply transforms one after the other, the first one first.

    Args:
        transforms: functions `(gradients, variables) -> gradients`. None gives the identity.

    Returns:
        A transform; its `state_variables` are those of all.

    Raises:
        TypeError: one of them cannot be called. A factory was written without its parentheses, or
            a list was given.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> both = mk.gradients.chain(mk.gradients.scale(2.0), mk.gradients.clip_by_value(3.0))
        >>> both([keras.ops.array([1.0, 2.0])], [None])[0].numpy().tolist()
        [2.0, 3.0]
        >>> both
        chain(scale(2.0), clip_by_value(3.0))
    """
    for transform in transforms:
        if not callable(transform):
            raise TypeError(
                "`transforms` must be functions (gradients, variables) -> gradients, one argument "
                f"each. Received: {transform!r}"
            )
    variables = [v for t in transforms for v in getattr(t, "state_variables", [])]

    def apply(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        for transform in transforms:
            gradients = transform(gradients, variables)
        return list(gradients)

    texts = [repr(t) if isinstance(t, Transform) else _name(t) for t in transforms]
    return Transform(apply, f"chain({', '.join(texts)})", variables)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)

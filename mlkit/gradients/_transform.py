"""What every factory of this package returns: a function of gradients that can be printed."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mlkit._core.types import Variable

Gradients: TypeAlias = Sequence[Any]  # a tensor, tf.IndexedSlices or None for each variable
Function: TypeAlias = Callable[[Gradients, Sequence[Variable]], Sequence[Any]]


class Transform:
    """A function `(gradients, variables) -> gradients` that can be printed and saved.

    The gradients are a list with an entry for each variable: a tensor, `tf.IndexedSlices` (of an
    embedding), or None where the loss does not depend on the variable. The result is again such a
    list. Any function of this form can stand in a list of transforms; this class only gives it a
    text for the plan and says which variables must be saved with it.

    Args:
        function: what is called.
        text: how it is written, `"clip_by_norm(1.0)"`.
        state_variables: the variables it owns.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> half = mk.gradients.Transform(lambda grads, variables: [g / 2 for g in grads], "half()")
        >>> half([keras.ops.ones(2)], [keras.Variable([0.0, 0.0])])[0].numpy().tolist()
        [0.5, 0.5]
        >>> half
        half()
    """

    def __init__(
        self, function: Function, text: str, state_variables: Sequence[Variable] = ()
    ) -> None:
        self.function = function
        self.text = text
        self.state_variables = list(state_variables)

    def __call__(self, gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        """The new gradients.

        Raises:
            ValueError: the lists differ in length.
        """
        gradients, variables = list(gradients), list(variables)
        if len(gradients) != len(variables):
            raise ValueError(
                f"{self.text} needs a gradient (or None) for each variable. "
                f"Received: {len(gradients)} gradients, {len(variables)} variables"
            )
        return list(self.function(gradients, variables))

    def __repr__(self) -> str:
        return self.text


def written(name: str, *args: Any, **settings: Any) -> str:
    """A call as it is written: `written("scale", 2.0, pattern=None)` is `"scale(2.0)"`."""
    given = [repr(a) for a in args]
    given += [f"{key}={value!r}" for key, value in settings.items() if value is not None]
    return f"{name}({', '.join(given)})"

"""A traced function that is called without a search for its trace."""

from collections.abc import Callable
from typing import Any

from mlkit.training._programs import function


class OneTrace:
    """A `tf.function` for arguments of one kind, traced for the first that come.

    `tf.function` compares the arguments of each call with those of its traces, which takes 0.3 ms:
    as long as ten steps of a small model.
    """

    def __init__(self, python_function: Callable[..., Any]) -> None:
        self._function = function(python_function, autograph=False)
        self._trace: Any = None

    def trace(self, *args: Any) -> Any:
        """The graph, traced if it was not yet."""
        if self._trace is None:
            self._trace = self._function.get_concrete_function(*args)
        return self._trace

    def __call__(self, *args: Any) -> Any:
        return self.trace(*args)(*args)

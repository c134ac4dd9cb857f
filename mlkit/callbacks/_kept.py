"""Values of variables that are put back."""

from collections.abc import Iterable

from keras import ops

from mlkit._core.types import Variable


class Kept:
    """The values of some variables as they are now, to be put back to the bit."""

    def __init__(self, variables: Iterable[Variable]) -> None:
        self._values = [(v, ops.copy(ops.convert_to_tensor(v))) for v in variables]

    def restore(self) -> None:
        for variable, value in self._values:
            variable.assign(value)

"""Which entries of a weight belong to one unit: the weights that lead into one output."""

import re
from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.patterns import path_of
from mlkit._core.precision import wide
from mlkit._core.types import Tensor, Variable

# (found in the path, rank) of the kernels of Keras whose outputs are not the last axis alone, and
# the axes that lead into one output.
SPECIAL = (
    (r"embeddings$", 2, (1,)),  # (vocabulary, width): a row is a unit
    (r"depthwise", 4, (0, 1)),  # (H, W, channels, multiplier)
    (r"depthwise", 3, (0,)),
    (r"conv\w*_?transpose", 5, (0, 1, 2, 4)),  # (D, H, W, out, in)
    (r"conv\w*_?transpose", 4, (0, 1, 3)),
    (r"conv\w*_?transpose", 3, (0, 2)),
    (r"(query|key|value)/kernel$", 3, (0,)),  # of attention: (in, heads, width)
)


def is_embedding(variable: Variable) -> bool:
    return bool(re.search(r"embeddings$", path_of(variable)))


def unit_axes(variable: Variable, rank: int) -> tuple[int, ...] | None:
    """The axes along which the weights of one unit lie; None: all of them.

    All but the last for kernels of Keras' dense and convolution layers (IO, HWIO); what differs is
    in `SPECIAL`. A vector or a scalar is one unit.
    """
    if rank <= 1:
        return None
    path = path_of(variable)
    for pattern, wanted, axes in SPECIAL:
        if rank == wanted and re.search(pattern, path):
            return axes
    return tuple(range(rank - 1))


def unit_norm(values: Any, axes: Sequence[int] | None) -> Tensor:
    """L2 norm of each unit in at least float32, with its axes kept as ones."""
    squares = ops.square(wide(values))
    return ops.sqrt(ops.sum(squares, axis=axes, keepdims=axes is not None))

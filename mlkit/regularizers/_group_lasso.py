"""Penalty that switches off whole groups of weights."""

import math

from keras import ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class GroupLasso(regularizers.Regularizer):
    """Sum of the Euclidean norms of groups of weights.

        factor * sqrt(p) * sum over groups g of |w_g|_2

    where p is the number of weights in a group. As the l1 norm makes single weights zero, this
    makes whole groups zero: units (`axis=-1`), or inputs (`axis=-2`), which may then be cut off.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 0.01.
        axis: the axis along which groups are counted: all weights that share an index there are one
            group; default -1, the units of a Keras kernel.
        scale_by_size: whether the factor sqrt(p) is there, which makes groups of different sizes
            comparable; default True.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> w = np.array([[3.0, 0.0], [4.0, 0.0]])
        >>> float(mk.regularizers.GroupLasso(1.0, scale_by_size=False)(w))
        5.0

    Reference:
        Yuan and Lin, 2006, Model selection and estimation in regression with grouped variables,
        https://doi.org/10.1111/j.1467-9868.2005.00532.x. The gradient of a group of zeros is taken
        as zero.
    """

    def __init__(self, factor: float = 0.01, axis: int = -1, scale_by_size: bool = True) -> None:
        check_number("factor", factor, low=0.0)
        check_integer("axis", axis)
        check_bool("scale_by_size", scale_by_size)
        self.factor = factor
        self.axis = axis
        self.scale_by_size = scale_by_size

    def __call__(self, x: Tensor) -> Tensor:
        x = wide(x)
        groups = x.shape[self.axis]
        rows = ops.reshape(ops.moveaxis(x, self.axis, 0), (groups, -1))
        square = ops.sum(ops.square(rows), axis=-1)
        # The root is taken of positive numbers only: its slope at zero is infinite.
        some = square > 0
        norms = ops.where(some, ops.sqrt(ops.where(some, square, ops.ones_like(square))), square)
        scale = math.sqrt(rows.shape[-1]) if self.scale_by_size else 1.0
        return self.factor * scale * ops.sum(norms)

    def get_config(self) -> Config:
        return {"factor": self.factor, "axis": self.axis, "scale_by_size": self.scale_by_size}

"""Weights whose mean is zero."""

from collections.abc import Sequence

from keras import constraints, ops

from mlkit._core.checks import check_integer
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class ZeroMean(constraints.Constraint):
    """The mean of the weight over some axes is subtracted.

    Over all axes but the last, this centres the incoming weights of each unit: it no longer
    responds to a shift that all its inputs share. Used with a norm constraint it standardises the
    weights; on a bias or an embedding it removes the free direction of a softmax.

    Args:
        axis: axis or axes over which the mean is taken; default None: all but the last, and of a
            vector its only axis.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.constraints.ZeroMean()(np.array([[1.0, 2.0], [3.0, 6.0]]))).tolist()
        [[-1.0, -2.0], [1.0, 2.0]]

    Reference:
        Huang et al., 2017, Centered Weight Normalization in Accelerating Training of Deep Neural
        Networks, https://doi.org/10.1109/ICCV.2017.305.
    """

    def __init__(self, axis: int | Sequence[int] | None = None) -> None:
        if axis is not None:
            for entry in axis if isinstance(axis, Sequence) else [axis]:
                check_integer("axis", entry)
        self.axis = axis

    def __call__(self, value: Tensor) -> Tensor:
        value = ops.convert_to_tensor(value)
        axes = self.axis
        if axes is None:
            axes = tuple(range(max(1, len(value.shape) - 1)))
        axes = tuple(axes) if isinstance(axes, Sequence) else (axes,)
        exact = wide(value)
        return ops.cast(exact - ops.mean(exact, axis=axes, keepdims=True), value.dtype)

    def get_config(self) -> Config:
        return {"axis": self.axis}

"""Weights that are a probability distribution."""

from keras import constraints, ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class Simplex(constraints.Constraint):
    """Weights that are non-negative and sum to a constant along one axis.

    The projection that moves the weights least, onto {p : p ≥ 0, sum p = total}:

        p = max(0, w - t),        t such that sum p = total.

    Unlike a softmax it reaches zero. Use it for mixture weights and attention over few items.

    Args:
        axis: the axis whose entries sum to `total`, an integer; default -1.
        total: the sum, a number > 0; default 1.0.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.constraints.Simplex()(np.array([1.0, 0.5, -1.0]))).tolist()
        [0.75, 0.25, 0.0]

    Reference:
        Duchi et al., 2008, Efficient Projections onto the l1-Ball for Learning in High Dimensions,
        figure 1, https://doi.org/10.1145/1390156.1390191.
    """

    def __init__(self, axis: int = -1, total: float = 1.0) -> None:
        check_integer("axis", axis)
        check_number("total", total, low=0.0, open_low=True)
        self.axis = axis
        self.total = total

    def __call__(self, value: Tensor) -> Tensor:
        value = ops.convert_to_tensor(value)
        weights = wide(ops.moveaxis(value, self.axis, -1))
        # A common shift changes nothing in exact arithmetic and keeps the cumulative sum small.
        weights = weights - ops.max(weights, axis=-1, keepdims=True)
        ordered = ops.flip(ops.sort(weights, axis=-1), axis=-1)
        count = ops.cast(ops.arange(1, weights.shape[-1] + 1), weights.dtype)
        excess = (ops.cumsum(ordered, axis=-1) - self.total) / count
        # `excess` grows while entries stay above it: its largest value is the threshold.
        threshold = ops.max(excess, axis=-1, keepdims=True)
        projected = ops.maximum(weights - threshold, 0.0)
        return ops.cast(ops.moveaxis(projected, -1, self.axis), value.dtype)

    def get_config(self) -> Config:
        return {"axis": self.axis, "total": self.total}

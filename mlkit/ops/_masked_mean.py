"""Mean over the entries that a mask keeps."""

from collections.abc import Sequence

from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def masked_mean(x: Tensor, mask: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Mean of `x` over the entries where `mask` is true, 0 where nothing is kept.

    What is masked takes no part, whatever it holds: NaN and infinity in it do not reach the result
    or the gradient.

    Args:
        x: floating-point tensor.
        mask: boolean, of a shape that broadcasts to that of `x`.
        axis: axis or axes to average over. Default: all.

    Returns:
        Tensor of the shape of `x` without `axis`, float32 (float64 if `x` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> x, mask = np.array([[1.0, 3.0, np.nan]]), np.array([[True, True, False]])
    >>> float(mk.ops.masked_mean(x, mask))
    2.0
    """
    x = wide(x)
    mask = ops.broadcast_to(ops.cast(mask, "bool"), ops.shape(x))
    total = ops.sum(ops.where(mask, x, ops.zeros_like(x)), axis=axis)
    count = ops.sum(ops.cast(mask, x.dtype), axis=axis)
    return total / ops.maximum(count, 1.0)

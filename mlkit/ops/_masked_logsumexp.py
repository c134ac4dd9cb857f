"""Log-sum-exp over the entries that a mask keeps."""

from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor


def masked_logsumexp(x: Tensor, mask: Tensor, axis: int = -1) -> Tensor:
    """Log of the sum of `exp(x)` over the entries where `mask` is true.

    The largest kept entry is taken out first, so that nothing overflows. Where nothing is kept the
    sum is empty and the result is `-inf`, with gradient 0 to all entries (and not NaN).

    Args:
        x: floating-point tensor.
        mask: boolean, of a shape that broadcasts to that of `x`.
        axis: axis to sum over. Default: -1.

    Returns:
        Tensor of the shape of `x` without `axis`, float32 (float64 if `x` is).

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> x, mask = np.zeros((2, 4)), np.array([[True, True, False, False], [False] * 4])
    >>> np.array(mk.ops.masked_logsumexp(x, mask)).round(4).tolist()
    [0.6931, -inf]
    """
    x = wide(x)
    mask = ops.broadcast_to(ops.cast(mask, "bool"), ops.shape(x))
    kept = ops.where(mask, x, ops.cast(-float("inf"), x.dtype))
    top = ops.stop_gradient(ops.max(kept, axis=axis, keepdims=True))
    top = ops.where(ops.equal(top, -float("inf")), ops.zeros_like(top), top)
    shifted = ops.where(mask, x - top, ops.zeros_like(x))
    total = ops.sum(ops.where(mask, ops.exp(shifted), ops.zeros_like(x)), axis=axis)
    some = ops.any(mask, axis=axis)
    # The logarithm sees 1 where the sum is empty: its own gradient there would be infinite.
    log = ops.log(ops.where(some, total, ops.ones_like(total)))
    return ops.where(some, log + ops.squeeze(top, axis=axis), ops.cast(-float("inf"), x.dtype))

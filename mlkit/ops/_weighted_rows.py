"""Sums of rows of a table: what reading between pixels comes down to."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from keras import ops

from mlkit._core.types import Tensor


def weighted_rows(table: Tensor, weights: Sequence[Tensor], indices: Sequence[Tensor]) -> Tensor:
    """Sum over k of `weights[k] * table[indices[k]]`, with gradients to the table and the weights.

    The rows are read again for the gradient: at the four corners of each place they are several
    times as large as the table.

    Args:
        table: `(rows, channels)`.
        weights: of the dtype of the table, `(..., 1)`.
        indices: in int32, `(...)`, one tensor for each of the weights.

    Returns:
        Tensor of shape `(..., channels)`.
    """

    @ops.custom_gradient
    def function(table: Tensor, *weights: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            count, channels = ops.shape(table)
            to_table, to_weights = [], []
            for weight, index in zip(weights, indices, strict=True):
                found = ops.take(table, index, axis=0)
                to_weights.append(ops.sum(found * upstream, axis=-1, keepdims=True))
                rows = ops.reshape(weight * upstream, (-1, channels))
                flat = ops.reshape(index, (-1,))
                to_table.append(ops.segment_sum(rows, flat, num_segments=count))
            return (reduce(add, to_table), *to_weights)

        parts = zip(weights, indices, strict=True)
        read = [weight * ops.take(table, index, axis=0) for weight, index in parts]
        return reduce(add, read), gradient

    return function(table, *weights)

"""To mean 0 and variance 1, then scaled and shifted: with a mask, and with its own gradient."""

import math
from typing import Any

from keras import ops

from mlkit._core.types import Tensor


def normalized(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    valid: Tensor | None,
    axes: list[int],
    epsilon: float,
) -> Tensor:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` at the valid positions, else 0.

    The gradient is written out: mean and variance go into it together, in half of the passes over
    the inputs that their own gradients take.

    Args:
        x: tensor of at least float32.
        gamma, beta: scale and offset, of as many axes as `x`, with one element along `axes`.
        valid: booleans of as many axes, True where `x` counts; one element stands for a whole axis.
            None where all of it does.
        axes: those of mean and variance.
        epsilon: added to the variance.
    """

    def where_valid(x: Tensor) -> Tensor:
        return x if valid is None else ops.where(valid, x, 0)

    count = _count(x, valid, axes)

    def mean(x: Tensor) -> Tensor:  # of what is zero where it is not valid
        return ops.sum(x, axis=axes, keepdims=True) / count

    @ops.custom_gradient
    def function(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Any]:
        centered = where_valid(x - mean(x))
        rsqrt = ops.rsqrt(mean(ops.square(centered)) + epsilon)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            upstream = where_valid(upstream)
            along_beta, along_gamma = mean(upstream), mean(upstream * centered) * rsqrt
            dx = upstream - along_beta - centered * (along_gamma * rsqrt)
            return (
                where_valid(dx * (rsqrt * gamma)),
                _of_shape(gamma, along_gamma * count),
                _of_shape(beta, along_beta * count),
            )

        # Not x * factor + (beta - mean * factor): that cancels where the mean is large.
        return where_valid(centered * (rsqrt * gamma) + beta), gradient

    return function(where_valid(x), gamma, beta)


def _count(x: Tensor, valid: Tensor | None, axes: list[int]) -> Tensor:
    """Number of valid positions, at least 1."""
    sizes = ops.shape(x)
    if valid is None:
        return ops.cast(math.prod(sizes[axis] for axis in axes), x.dtype)
    # The mask may be shorter than the positions: what it does not cover counts whole.
    whole = math.prod(sizes[axis] for axis in axes if valid.shape[axis] == 1)
    covered = ops.sum(ops.cast(valid, x.dtype), axis=axes, keepdims=True)
    return ops.maximum(covered * ops.cast(whole, x.dtype), 1)


def _of_shape(like: Tensor, x: Tensor) -> Tensor:
    """The sum of `x` over the axes along which `like` has one element."""
    axes = [axis for axis, size in enumerate(like.shape) if size == 1]
    return ops.sum(x, axis=axes, keepdims=True)

"""Ranks and rank correlations of weighted examples; weight 0 is no example."""

import math

from keras import ops

from mlkit._core.types import Tensor
from mlkit.metrics._streaming import ratio


def below_and_tied(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weight of the examples below each one, and of those equal to it (itself among them)."""
    key = ops.where(weight != 0, values, ops.full_like(values, float("inf")))
    order = ops.argsort(key)
    ordered = ops.take(key, order)
    sums = ops.concatenate([ops.zeros((1,), "float64"), ops.cumsum(ops.take(weight, order))])
    below = ops.take(sums, ops.searchsorted(ordered, key, side="left"))
    return below, ops.take(sums, ops.searchsorted(ordered, key, side="right")) - below


def correlation(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Weighted linear correlation of two vectors in float64; NaN where one is constant."""
    total = ops.sum(weight)
    x = x - ratio(ops.sum(weight * x), total)
    y = y - ratio(ops.sum(weight * y), total)
    xx, yy = ops.sum(weight * x * x), ops.sum(weight * y * y)
    return ratio(ops.sum(weight * x * y), ops.sqrt(xx) * ops.sqrt(yy))


def spearman(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Linear correlation of the ranks; equal values share the mean of theirs."""
    ranks = []
    for values in (x, y):
        below, tied = below_and_tied(values, weight)
        ranks.append(below + 0.5 * tied)
    return correlation(ranks[0], ranks[1], weight)


def kendall(x: Tensor, y: Tensor, weight: Tensor, variant: str) -> Tensor:
    """Kendall's tau; a pair weighs the product of its two weights.

    Discordant pairs are counted bit by bit of the rank: n log²(n), not n².
    """
    size = weight.shape[0]
    (below_x, tied_x), (below_y, tied_y) = below_and_tied(x, weight), below_and_tied(y, weight)
    rank_x, rank_y = _dense(below_x, weight), _dense(below_y, weight)
    # One key for the pair of ranks: exact in int64 for any buffer that fits into memory.
    pair = ops.cast(rank_x, "int64") * size + ops.cast(rank_y, "int64")
    _, tied_both = below_and_tied(ops.cast(pair, "float64"), weight)
    total = ops.sum(weight)
    comparable = total * total - ops.sum(weight * (tied_x + tied_y - tied_both))
    order = ops.argsort(pair)
    discordant = _inversions(ops.take(rank_y, order), ops.take(weight, order))
    difference = 0.5 * comparable - 2.0 * discordant
    if variant == "b":
        pairs_x = 0.5 * (total * total - ops.sum(weight * tied_x))
        pairs_y = 0.5 * (total * total - ops.sum(weight * tied_y))
        return ratio(difference, ops.sqrt(pairs_x) * ops.sqrt(pairs_y))
    kinds = ops.minimum(_distinct(weight, tied_x), _distinct(weight, tied_y))
    return ratio(2.0 * difference * kinds, total * total * (kinds - 1.0))


def _dense(below: Tensor, weight: Tensor) -> Tensor:
    """Whole numbers in the order of `below`, equal where it is equal."""
    key = ops.where(weight != 0, below, ops.full_like(below, float("inf")))
    return ops.cast(ops.searchsorted(ops.sort(key), key, side="left"), "int32")


def _distinct(weight: Tensor, tied: Tensor) -> Tensor:
    """Number of different values."""
    return ops.round(ops.sum(ratio(weight, tied, 0.0)))


def _inversions(rank: Tensor, weight: Tensor) -> Tensor:
    """Weight of the pairs i < j with rank[i] > rank[j].

    The highest bit in which two ranks differ decides which is larger. So, from the highest bit
    down: within each group of equal higher bits, count for each 0 the ones before it, then part the
    group by the bit, keeping the order.
    """
    size = rank.shape[0]
    place = ops.arange(size, dtype="int64")
    total = ops.zeros((), "float64")
    for bit in range(max(1, math.ceil(math.log2(size + 1))) - 1, -1, -1):
        group = ops.right_shift(rank, bit + 1)
        one = ops.cast(ops.bitwise_and(ops.right_shift(rank, bit), 1), "float64")
        ones = ops.cumsum(weight * one) - weight * one
        start = ops.searchsorted(group, group, side="left")
        total = total + ops.sum(weight * (1.0 - one) * (ones - ops.take(ones, start)))
        key = ops.cast(ops.right_shift(rank, bit), "int64") * size + place
        order = ops.argsort(key)
        rank, weight = ops.take(rank, order), ops.take(weight, order)
    return total

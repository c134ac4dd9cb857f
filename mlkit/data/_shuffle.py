"""The order of an epoch: a permutation that is computed, never stored."""

from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor
from mlkit.data._random import fold
from mlkit.data._source import as_source, small_checkpoints

# `tf.random.experimental.index_shuffle` runs 4 rounds of its cipher, and that is too few. Over
# 60,000 examples: correlation 0.09 between neighbours and 0.91 between the orders of two
# consecutive seeds. From 12 rounds on neither can be told from chance; the second half is margin.
ROUNDS = 24


@tf.autograph.experimental.do_not_convert
def shuffled(position: Tensor, size: int | Tensor, seed: int | Tensor, epoch: Tensor) -> Tensor:
    """The indices that stand at `position` (int64, vector) in the order of an epoch."""
    word = fold(seed, epoch)
    other = fold(word, 1)
    low = tf.bitwise.bitwise_and(word, tf.constant(0xFFFFFFFF, tf.uint64))
    high = tf.bitwise.right_shift(word, tf.constant(32, tf.uint64))
    third = tf.bitwise.right_shift(other, tf.constant(32, tf.uint64))
    return tf.raw_ops.RandomIndexShuffle(
        index=position,
        seed=tf.cast(tf.stack([low, high, third]), tf.uint32),
        max_index=tf.cast(size, tf.int64) - 1,
        rounds=ROUNDS,
    )


def epoch_order(size: int, seed: int | Tensor = 0, epoch: int | Tensor = 0) -> Tensor:
    """The order in which one epoch visits the examples.

    A permutation of 0 … size-1 that depends on (seed, epoch) and nothing else: no generator to
    save, no buffer, and any part of it can be computed alone. `mk.data.pipeline` and the training
    loop both take their order from here. Works in a `tf.function` with tensors for `seed` and
    `epoch`.

    Args:
        size: number of examples, ≥ 0.
        seed: integer, or scalar integer tensor.
        epoch: integer ≥ 0, or scalar integer tensor.

    Returns:
        Tensor of shape (size,), int64.

    Raises:
        ValueError: `size` is negative.

    Example:
        >>> import mlkit as mk
        >>> order = mk.data.epoch_order(5, seed=0, epoch=0)
        >>> sorted(order.numpy().tolist())
        [0, 1, 2, 3, 4]

    Reference:
        The cipher is that of `tf.random.experimental.index_shuffle` (Simon-like, Beaulieu et al.
        2013, https://eprint.iacr.org/2013/404). Differs from it: 24 rounds instead of 4, and a
        mixed seed, since with 4 rounds the orders of consecutive seeds are nearly the same.
    """
    check_integer("size", size, low=0)
    if size == 0:
        return tf.zeros([0], tf.int64)
    return shuffled(tf.range(size, dtype=tf.int64), size, seed, tf.convert_to_tensor(epoch))


def shuffle(source: Any, seed: int = 0, epochs: int = 1) -> tf.data.Dataset:
    """Give the elements in a global random order, another one in each epoch.

    The order is that of `mk.data.epoch_order`. Unlike `Dataset.shuffle` there is no buffer: the
    whole set is shuffled, nothing is read in advance, and an iterator that is saved holds a number.

    Args:
        source: as for `mk.data.pipeline`.
        seed: integer.
        epochs: number of epochs, ≥ 1.

    Returns:
        A `tf.data.Dataset` of single elements.

    Raises:
        ValueError: `source` is empty or endless, or `epochs` is below 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> ds = mk.data.shuffle(np.arange(4), seed=1, epochs=2)
        >>> sorted(int(i) for i in ds)
        [0, 0, 1, 1, 2, 2, 3, 3]
    """
    check_integer("seed", seed)
    check_integer("epochs", epochs, low=1)
    indexed = as_source(source)
    size = indexed.size

    def element(number: Tensor) -> Any:
        position = (number % size)[None]
        return indexed.element_at(shuffled(position, size, seed, number // size)[0])

    numbers = tf.data.Dataset.range(size * epochs)
    return small_checkpoints(numbers.map(element, tf.data.AUTOTUNE, deterministic=True))

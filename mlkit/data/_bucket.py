"""Batches of sequences of similar length, in a fixed set of shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.types import Tensor
from mlkit.data._random import fold
from mlkit.data._shuffle import shuffled
from mlkit.data._source import Indexed, as_resident, ragged_leaves, small_checkpoints

_BATCH_STREAM = 0xBA7C


def bucket(
    source: Any,
    boundaries: Sequence[int],
    batch_size: int | Sequence[int],
    *,
    training: bool = True,
    seed: int = 0,
    epochs: int | None = None,
    value: Any = 0,
    truncate: bool = False,
) -> tf.data.Dataset:
    """Make batches of sequences of similar length, each padded to one of few lengths.

    In each epoch the examples are shuffled globally, put in order of their bucket, cut into
    batches, and the batches shuffled. What is left over of a bucket goes into the first batch of
    the next one, so the shapes are `(batch_size, boundary)` for each boundary and one for the last
    batch, the same in every epoch: a `tf.function` traces each once and never again.

    Unlike `bucket_by_sequence_length` there is no buffer: an iterator that is saved holds numbers.

    Args:
        source: sequences: a RaggedTensor, list of lists or a data set; or a tuple or dict with
            them and dense components. All ragged components are padded alike; the first one
            counts as the length.
        boundaries: lengths to pad to, increasing; the last is the longest that fits.
        batch_size: examples in a batch, ≥ 1, or one number for each boundary.
        training: True: shuffled and repeated. False: in order of length, one epoch.
        seed: integer.
        epochs: number of epochs. None: no end if `training`, else 1.
        value: what to pad numbers with; strings are padded with "".
        truncate: cut sequences that are longer than the last boundary; False: they are an error.

    Returns:
        A `tf.data.Dataset` of batches; ragged components become (batch, boundary, …).

    Raises:
        ValueError: no ragged component, boundaries that do not increase, or a sequence too long.

    Example:
        >>> import mlkit as mk
        >>> words = [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4, 5]]
        >>> ds = mk.data.bucket(words, [2, 6], 2, training=False)
        >>> [batch.shape.as_list() for batch in ds]
        [[2, 2], [2, 6]]
    """
    check_bool("training", training)
    check_bool("truncate", truncate)
    check_integer("seed", seed)
    limits = _check_boundaries(boundaries)
    sizes = [batch_size] * len(limits) if isinstance(batch_size, int) else list(batch_size)
    if len(sizes) != len(limits):
        raise ValueError(
            f"`batch_size` must be one number or one for each boundary: {len(limits)}. "
            f"Received: batch_size={batch_size!r}"
        )
    for size in sizes:
        check_integer("batch_size", size, low=1)
    if epochs is not None:
        check_integer("epochs", epochs, low=1)
    held = as_resident(source)
    lengths = ragged_leaves(held.rows)[0].row_lengths().numpy()
    too_long = int((lengths > limits[-1]).sum())
    if too_long and not truncate:
        raise ValueError(
            f"{too_long} sequences are longer than the last boundary, {limits[-1]}; the longest "
            f"has {lengths.max()}. Add a boundary, or pass truncate=True."
        )
    plan = _Plan(held, np.searchsorted(limits[:-1], lengths), limits, sizes, seed, training)
    return plan.dataset(None if training and epochs is None else epochs or 1, value)


def _check_boundaries(boundaries: Sequence[int]) -> np.ndarray:
    limits = np.asarray(list(boundaries), np.int64)
    if limits.ndim != 1 or not limits.size or limits[0] < 1 or (np.diff(limits) <= 0).any():
        raise ValueError(
            "`boundaries` must be lengths ≥ 1 that increase. "
            f"Received: boundaries={list(boundaries)}"
        )
    return limits


class _Plan:
    """Which examples are in which batch. Only the order within it depends on the epoch."""

    def __init__(
        self,
        source: Indexed,
        buckets: np.ndarray,
        limits: np.ndarray,
        sizes: list[int],
        seed: int,
        training: bool,
    ) -> None:
        self.source, self.buckets, self.seed, self.training = source, buckets, seed, training
        ordered, starts, widths, start = np.sort(buckets), [], [], 0
        while start < len(ordered):
            # The size is that of the first bucket which holds all of the batch.
            for number in range(ordered[start], len(limits)):
                stop = min(start + sizes[number], len(ordered))
                if ordered[stop - 1] <= number:
                    break
            starts.append(start)
            widths.append(limits[ordered[stop - 1]])
            start = stop
        self.starts = np.asarray([*starts, len(ordered)], np.int64)
        self.widths = np.asarray(widths, np.int64)

    def dataset(self, epochs: int | None, value: Any) -> tf.data.Dataset:
        whole = tf.data.Dataset.range(2**62 if epochs is None else epochs)
        batches = whole.flat_map(lambda epoch: self._epoch(epoch, value))
        count = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * len(self.widths)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
        return small_checkpoints(batches.prefetch(tf.data.AUTOTUNE))

    def _epoch(self, epoch: Tensor, value: Any) -> tf.data.Dataset:
        size, count = len(self.buckets), len(self.widths)
        order = tf.range(size, dtype=tf.int64)
        places = tf.range(count, dtype=tf.int64)
        if self.training:
            order = shuffled(order, size, self.seed, epoch)
            places = shuffled(places, count, fold(self.seed, _BATCH_STREAM), epoch)
        # Stable: within a bucket the shuffled order stays.
        order = tf.gather(order, tf.argsort(tf.gather(self.buckets, order), stable=True))
        starts, widths = tf.constant(self.starts), tf.constant(self.widths)

        def batch(step: Tensor) -> Any:
            place = places[step]
            index = order[starts[place] : starts[place + 1]]
            return _padded(self.source.take_rows(index), widths[place], value)

        return tf.data.Dataset.range(count).map(batch, tf.data.AUTOTUNE, deterministic=True)


def _padded(rows: Any, width: Tensor, value: Any) -> Any:
    def pad(leaf: Any) -> Tensor:
        if not isinstance(leaf, tf.RaggedTensor):
            return leaf
        fill = "" if leaf.dtype == tf.string else tf.cast(value, leaf.dtype)
        shape = tf.cast(tf.stack([-1, width, *[-1] * (leaf.shape.rank - 2)]), leaf.row_splits.dtype)
        return leaf.to_tensor(fill, shape=shape)

    return tf.nest.map_structure(pad, rows)

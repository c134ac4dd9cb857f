"""Gradients of embeddings: rows with their indices, of which one may stand there several times."""

from typing import Any

import tensorflow as tf  # keras.ops has no IndexedSlices

from mlkit._core.types import Tensor


def is_slices(gradient: Any) -> bool:
    return isinstance(gradient, tf.IndexedSlices)


def dense(gradient: Any) -> Tensor:
    """The gradient as one tensor of the variable's shape; repeated rows are summed."""
    return tf.convert_to_tensor(gradient)


def summed_rows(gradient: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Indices, each once, the sums of their rows, and which of them are meant.

    The number of rows stays, for XLA needs to know it: the spare ones at the end have a sum of zero
    and the index of the first row.
    """
    count = tf.shape(gradient.indices)[0]
    order = tf.argsort(gradient.indices, stable=True)
    indices = tf.gather(gradient.indices, order)
    first = tf.cast(indices[1:] != indices[:-1], tf.int32)
    segments = tf.concat([tf.zeros_like(indices[:1], tf.int32), tf.cumsum(first)], 0)
    values = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), segments, count)
    rows = tf.math.unsorted_segment_max(indices, segments, count)
    meant = tf.range(count) <= tf.reduce_max(segments)
    rows = tf.where(meant, rows, tf.reduce_min(indices))
    return rows, values, meant


def summed(gradient: Any) -> Any:
    """Slices in which each index has its sum once; rows that are left over are zero.

    Only so do the values of a row say what the gradient of that row is.
    """
    rows, values, _ = summed_rows(gradient)
    return tf.IndexedSlices(values, rows, gradient.dense_shape)

"""Data that are sparse or ragged: batches of a dataset, as arrays of numbers they are none."""

from typing import Any

import keras
import tensorflow as tf


def is_composite(leaf: Any) -> bool:
    """Whether it is a sparse or a ragged tensor."""
    return isinstance(leaf, (tf.SparseTensor, tf.RaggedTensor))


def has_composite(nest: Any) -> bool:
    """Whether one of the arrays of a nest is sparse or ragged."""
    return any(is_composite(leaf) for leaf in keras.tree.flatten(nest))


def composite_dataset(
    nest: tuple[Any, ...], batch_size: int, shuffle: bool, seed: int
) -> tf.data.Dataset:
    """Batches of arrays of which some are sparse or ragged."""
    dataset = tf.data.Dataset.from_tensor_slices(nest)
    if shuffle:
        dataset = dataset.shuffle(len(dataset), seed=seed)
    return dataset.batch(batch_size)


def sparse_tensor(rows: Any, values: Any) -> tf.SparseTensor:
    """A matrix of SciPy in coordinates, with these values in the place of its own."""
    indices = tf.stack([tf.cast(rows.row, tf.int64), tf.cast(rows.col, tf.int64)], axis=1)
    return tf.sparse.reorder(tf.SparseTensor(indices, values, rows.shape))

"""Data that are sparse or ragged: batches of a dataset, as arrays of numbers they are none."""

from typing import Any

import keras
import tensorflow as tf

from mlkit.training._arrays import convert


def is_composite(leaf: Any) -> bool:
    """Whether it is sparse (of TensorFlow or SciPy) or ragged."""
    return isinstance(leaf, (tf.SparseTensor, tf.RaggedTensor)) or hasattr(leaf, "tocoo")


def has_composite(nest: Any) -> bool:
    """Whether one of the arrays of a nest is sparse or ragged."""
    return any(is_composite(leaf) for leaf in keras.tree.flatten(nest))


def composite_dataset(
    nest: tuple[Any, ...], batch_size: int, shuffle: bool, seed: int
) -> tf.data.Dataset:
    """Batches of arrays of which some are sparse or ragged."""
    found = keras.tree.map_structure(
        lambda leaf: _tensor(leaf) if is_composite(leaf) else convert(leaf, "x"), nest
    )
    dataset = tf.data.Dataset.from_tensor_slices(found)
    if shuffle:
        dataset = dataset.shuffle(len(dataset), seed=seed)
    return dataset.batch(batch_size)


def _tensor(leaf: Any) -> Any:
    if not hasattr(leaf, "tocoo"):
        return leaf
    rows = leaf.tocoo()
    indices = tf.stack([tf.cast(rows.row, tf.int64), tf.cast(rows.col, tf.int64)], axis=1)
    values = convert(rows.data, "x")
    return tf.sparse.reorder(tf.SparseTensor(indices, values, rows.shape))

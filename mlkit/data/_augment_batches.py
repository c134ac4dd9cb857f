"""Augmentation as a stage of its own, for pipelines of plain tf.data."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor
from mlkit.data._random import fold, keys


def augment_batches(
    dataset: tf.data.Dataset,
    augment: Callable[..., Any] | Sequence[Callable[..., Any]],
    seed: int = 0,
) -> tf.data.Dataset:
    """Augment the batches of any `tf.data.Dataset`.

    For pipelines that are not made by `mk.data.pipeline`, which has `augment=`. What is drawn is a
    function of (seed, number of the batch, place in it), so that parallel calls and restarts do not
    change it. The batches must be counted on over the epochs: a data set that ends, and is read
    again for each epoch, would give every epoch the same pictures, and is refused.

    Unlike that of a `mk.data.pipeline`, the checkpoint of an iterator holds the batches that wait
    in the buffers of tf.data: megabytes, where batches are large.

    Args:
        dataset: an endless `tf.data.Dataset` of batches: `.repeat()` comes before this.
        augment: function `(batch, key) -> batch`, or a sequence of them, such as those of
            `mk.data.augment`; `key` holds a random key for each example.
        seed: integer; another seed gives other pictures.

    Returns:
        An endless `tf.data.Dataset` of batches. `fit` needs `steps_per_epoch` for it.

    Raises:
        ValueError: `dataset` ends.

    Example:
        >>> import numpy as np
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> images = np.zeros((6, 8, 8, 3), "uint8")
        >>> ds = tf.data.Dataset.from_tensor_slices(images).batch(3).repeat()
        >>> next(iter(mk.data.augment_batches(ds, mk.data.augment.flip()))).shape
        TensorShape([3, 8, 8, 3])
    """
    check_integer("seed", seed)
    if int(dataset.cardinality()) != tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`dataset` must not end: read once for each epoch, it would be augmented alike in all "
            "of them. Put `.repeat()` before, and pass `steps_per_epoch` to `fit`."
        )
    changes = (augment,) if callable(augment) else tuple(augment)

    def change(number: Tensor, batch: Any) -> Any:
        size = tf.shape(tf.nest.flatten(batch)[0])[0]
        key = keys(seed, number, tf.range(size))
        for place, one in enumerate(changes):
            batch = one(batch, fold(key, place))  # each draws numbers of its own
        return batch

    return dataset.enumerate().map(change, tf.data.AUTOTUNE, deterministic=True)

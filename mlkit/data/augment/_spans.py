"""Spans of time or frequency that are silenced."""

import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields


def _spans(name: str, axis: int, width: int, count: int, value: float) -> Augmentation:
    check_integer("width", width, low=1)
    check_integer("count", count, low=1)
    check_number("value", value)

    def apply(fields: Fields, key: Tensor) -> Fields:
        x = fields["image"]
        if x.shape.rank not in (3, 4):
            raise ValueError(
                f"`{name}` takes spectrograms of shape (batch, time, frequency) or (batch, time, "
                f"frequency, channels). Received: {x.shape}"
            )
        size = tf.shape(x)[axis]
        draw = uniform(key, 2 * count)
        wide = tf.floor(draw[:, :count] * (width + 1))
        wide = tf.minimum(wide, tf.cast(size, tf.float32))
        start = tf.floor(draw[:, count:] * (tf.cast(size, tf.float32) - wide + 1.0))
        place = tf.cast(tf.range(size), tf.float32)
        inside = (place >= start[..., None]) & (place < (start + wide)[..., None])
        silent = tf.reduce_any(inside, axis=1)
        shape = [-1, 1, 1, 1][: x.shape.rank]
        shape[axis] = size
        silent = tf.reshape(silent, tf.stack([tf.shape(x)[0], *shape[1:]]))
        return {**fields, "image": tf.where(silent, tf.cast(value, x.dtype), x)}

    return Augmentation(f"{name}({width}, count={count})", apply)


def time_mask(width: int, count: int = 1, value: float = 0.0) -> Augmentation:
    """Silence random spans of time of each spectrogram.

    Args:
        width: longest span, in steps; drawn from 0 … width.
        count: number of spans, ≥ 1.
        value: what is put there, such as the mean.

    Returns:
        An `Augmentation` of (batch, time, frequency) or (batch, time, frequency, channels).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.ones((2, 100, 80), "float32")
        >>> mk.data.augment.time_mask(20)(x, mk.data.keys(0, 0, [0, 1])).shape
        TensorShape([2, 100, 80])

    Reference:
        Park et al. 2019, "SpecAugment", https://arxiv.org/abs/1904.08779.
    """
    return _spans("time_mask", 1, width, count, value)


def frequency_mask(width: int, count: int = 1, value: float = 0.0) -> Augmentation:
    """Silence random bands of frequency of each spectrogram.

    Args:
        width: widest band, in bins; drawn from 0 … width.
        count: number of bands, ≥ 1.
        value: what is put there, such as the mean.

    Returns:
        An `Augmentation` of (batch, time, frequency) or (batch, time, frequency, channels).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.ones((2, 100, 80), "float32")
        >>> mk.data.augment.frequency_mask(8)(x, mk.data.keys(0, 0, [0, 1])).shape
        TensorShape([2, 100, 80])

    Reference:
        Park et al. 2019, "SpecAugment", https://arxiv.org/abs/1904.08779.
    """
    return _spans("frequency_mask", 2, width, count, value)

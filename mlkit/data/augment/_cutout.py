"""Rectangles that are wiped out."""

import math
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields, size_of


def rectangle(centre: Tensor, high: Tensor, wide: Tensor, height: Any, width: Any) -> Tensor:
    """Pixels inside a rectangle for each picture, (batch, height, width), bool."""
    rows, columns = tf.range(height)[None], tf.range(width)[None]
    top = tf.cast(tf.round(centre[:, 0] * tf.cast(height, tf.float32) - high / 2), tf.int32)
    left = tf.cast(tf.round(centre[:, 1] * tf.cast(width, tf.float32) - wide / 2), tf.int32)
    high, wide = tf.cast(tf.round(high), tf.int32), tf.cast(tf.round(wide), tf.int32)
    inside_rows = (rows >= top[:, None]) & (rows < (top + high)[:, None])
    inside_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    return inside_rows[:, :, None] & inside_columns[:, None, :]


def cutout(
    area: float | tuple[float, float] = 0.25,
    aspect: float = 1.0,
    value: float = 0.0,
    probability: float = 1.0,
) -> Augmentation:
    """Wipe out a rectangle at a random place of each picture (cutout, random erasing).

    Args:
        area: share of the picture before what lies outside is cut off, in (0, 1]; a pair draws
            from that range.
        aspect: largest ratio of the sides, ≥ 1; drawn from [1/aspect, aspect]. 1: squares (for
            square pictures).
        value: what is put there.
        probability: of wiping at all, in [0, 1].

    Returns:
        An `Augmentation` of images (batch, height, width, channels). Masks and boxes stay.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images = np.ones((2, 32, 32, 3), "float32")
        >>> float(mk.data.augment.cutout(0.25)(images, mk.data.keys(0, 0, [0, 1])).numpy().min())
        0.0

    Reference:
        DeVries, Taylor 2017, https://arxiv.org/abs/1708.04552; Zhong et al. 2017, "Random erasing",
        https://arxiv.org/abs/1708.04896, whose settings are area=(0.02, 0.4), aspect=3.3,
        probability=0.5. Differs from it: one draw, with the part outside cut off, for their
        repeated draws until the rectangle fits.
    """
    low, high = area if isinstance(area, tuple) else (area, area)
    check_number("area", low, low=0.0, high=1.0, open_low=True)
    check_number("area", high, low=low, high=1.0)
    check_number("aspect", aspect, low=1.0)
    check_number("probability", probability, low=0.0, high=1.0)

    def apply(fields: Fields, key: Tensor) -> Fields:
        image = fields["image"]
        height, width = size_of(image)
        draw = uniform(key, 5)
        share = low + draw[:, 2] * (high - low)
        ratio = tf.exp((2.0 * draw[:, 3] - 1.0) * math.log(aspect))
        tall = tf.sqrt(share * ratio) * tf.cast(height, tf.float32)
        wide = tf.sqrt(share / ratio) * tf.cast(width, tf.float32)
        hole = rectangle(draw[:, :2], tall, wide, height, width)
        hole &= (draw[:, 4] < probability)[:, None, None]
        return {**fields, "image": tf.where(hole[..., None], tf.cast(value, image.dtype), image)}

    return Augmentation(f"cutout({area})", apply)

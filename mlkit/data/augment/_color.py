"""Brightness, contrast, saturation and hue as one matrix for each picture."""

import math

import tensorflow as tf

from mlkit._core.checks import check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields, as_dtype, peak, size_of

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as for JPEG
# Rotation of hue happens in the plane of the two colour axes of YIQ.
_TO_YIQ = (GREY, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def color(
    brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0
) -> Augmentation:
    """Change brightness, contrast, saturation and hue of each picture at random.

    All four are linear in the colours, so a picture takes one product with a 3×3 matrix.

    Args:
        brightness: factors from 1-b to 1+b, in [0, 1].
        contrast: factors of the distance from the mean grey of the picture, likewise.
        saturation: factors of the distance from grey, likewise. Needs three channels.
        hue: largest turn of the colour circle to either side, in turns, in [0, 0.5]. Likewise.

    Returns:
        An `Augmentation` of images (batch, height, width, 1 or 3): integers with white at the
        largest value of their dtype, or floats in [0, 1], clipped to that.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images, change = np.zeros((2, 8, 8, 3), "uint8"), mk.data.augment.color(0.4, hue=0.1)
        >>> change(images, mk.data.keys(0, 0, [0, 1])).dtype
        tf.uint8

    Reference:
        Weights of the colours: ITU 2011, BT.601-7, https://www.itu.int/rec/R-REC-BT.601. Hue is
        turned in the YIQ plane, which keeps the luma; differs from `tf.image.adjust_hue`, which
        turns in HSV and needs a conversion for each pixel.
    """
    check_number("brightness", brightness, low=0.0, high=1.0)
    check_number("contrast", contrast, low=0.0, high=1.0)
    check_number("saturation", saturation, low=0.0, high=1.0)
    check_number("hue", hue, low=0.0, high=0.5)

    def apply(fields: Fields, key: Tensor) -> Fields:
        image, draw = fields["image"], uniform(key, 4, -1.0, 1.0)
        channels = image.shape[-1]
        if channels not in (1, 3) or (channels == 1 and (saturation or hue)):
            raise ValueError(
                "`color` needs 3 channels (1 for brightness and contrast alone). "
                f"Received: images of shape {image.shape}"
            )
        changed = apply_color(
            image,
            brightness=1.0 + draw[:, 0] * brightness,
            contrast=1.0 + draw[:, 1] * contrast,
            saturation=1.0 + draw[:, 2] * saturation,
            angle=draw[:, 3] * (2.0 * math.pi * hue),
        )
        return {**fields, "image": changed}

    parts = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    text = ", ".join(f"{name}={value:g}" for name, value in parts.items() if value)
    return Augmentation(f"color({text})", apply)


def apply_color(
    image: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, angle: Tensor
) -> Tensor:
    """Factors and an angle for each picture, shape (batch,)."""
    size_of(image)
    values = tf.cast(image, tf.float32)
    scale = (brightness * contrast)[:, None, None, None]
    if image.shape[-1] == 3:
        grey = tf.constant(GREY, tf.float32)
        matrix = _matrix(saturation, angle) * (brightness * contrast)[:, None, None]
        mean = tf.reduce_sum(tf.reduce_mean(values, axis=[1, 2]) * grey, axis=-1)
        changed = tf.einsum("bhwc,bdc->bhwd", values, matrix)
    else:
        mean = tf.reduce_mean(values, axis=[1, 2, 3])
        changed = values * scale
    changed += ((1.0 - contrast) * brightness * mean)[:, None, None, None]
    return as_dtype(tf.clip_by_value(changed, 0.0, peak(image)), image)


def _matrix(saturation: Tensor, angle: Tensor) -> Tensor:
    """From colours to colours, (batch, 3, 3): grey stays where it is."""
    to_yiq = tf.constant(_TO_YIQ, tf.float32)
    zero, one = tf.zeros_like(angle), tf.ones_like(angle)
    cos, sin = tf.cos(angle) * saturation, tf.sin(angle) * saturation
    rows = [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    turn = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
    return tf.linalg.inv(to_yiq) @ turn @ to_yiq

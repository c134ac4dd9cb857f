"""RandAugment on a batch: a few operations at random for each picture."""

import math

import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._affine import matrices, transform
from mlkit.data.augment._base import Augmentation, Fields, as_dtype, size_of
from mlkit.data.augment._color import apply_color

OPERATIONS = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize",
    "contrast", "brightness", "sharpness", "shear_x", "shear_y", "shift_x", "shift_y",
)  # fmt: skip
_NUMBER = {name: i for i, name in enumerate(OPERATIONS)}


def rand_augment(operations: int = 2, magnitude: float = 9.0) -> Augmentation:
    """Change each picture by a few operations drawn from fourteen.

    Identity, autocontrast, equalize, rotate, solarize, color, posterize, contrast, brightness,
    sharpness, and shear and shift along both axes. Of a batch, all geometric operations are one
    resampling, all colours one matrix product, and all others one table of 256 values.

    Args:
        operations: number of operations, one after the other, ≥ 1.
        magnitude: strength from 0 to 10: rotation up to 30 degrees, shear 0.3, shift 0.45 of the
            size, factors 1 ± 0.9.

    Returns:
        An `Augmentation` of uint8 images (batch, height, width, 3); masks and boxes move along.

    Raises:
        ValueError: images that are not uint8 with three channels.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images = np.zeros((2, 32, 32, 3), "uint8")
        >>> mk.data.augment.rand_augment()(images, mk.data.keys(0, 0, [0, 1])).dtype
        tf.uint8

    Reference:
        Cubuk et al. 2019, https://arxiv.org/abs/1909.13719. Differs from the code published with
        it: the sign of each change is random also for factors, and edges are reflected.
    """
    check_integer("operations", operations, low=1)
    check_number("magnitude", magnitude, low=0.0, high=10.0)

    def apply(fields: Fields, key: Tensor) -> Fields:
        image = fields["image"]
        if image.dtype != tf.uint8 or image.shape[-1] != 3:
            raise ValueError(
                "`rand_augment` takes uint8 images of three channels, before they are scaled. "
                f"Received: {image.dtype.name} of shape {image.shape}"
            )
        draw = uniform(key, 2 * operations)
        for i in range(operations):
            chosen = tf.cast(tf.floor(draw[:, 2 * i] * len(OPERATIONS)), tf.int32)
            sign = tf.where(draw[:, 2 * i + 1] < 0.5, -1.0, 1.0)
            fields = _apply_one(fields, chosen, sign, magnitude / 10.0)
        return fields

    return Augmentation(f"rand_augment({operations}, {magnitude:g})", apply)


def _apply_one(fields: Fields, chosen: Tensor, sign: Tensor, strength: float) -> Fields:
    def only(name: str, value: Tensor, otherwise: float) -> Tensor:
        return tf.where(chosen == _NUMBER[name], value, otherwise)

    height, width = size_of(fields["image"])
    matrix = matrices(
        height,
        width,
        angle=only("rotate", sign * math.radians(30.0) * strength, 0.0),
        shear_x=only("shear_x", sign * 0.3 * strength, 0.0),
        shear_y=only("shear_y", sign * 0.3 * strength, 0.0),
        shift_x=only("shift_x", sign * 0.45 * strength * tf.cast(width, tf.float32), 0.0),
        shift_y=only("shift_y", sign * 0.45 * strength * tf.cast(height, tf.float32), 0.0),
    )
    fields = transform(fields, matrix, "reflect")
    factor = 1.0 + sign * 0.9 * strength
    image = apply_color(
        fields["image"],
        brightness=only("brightness", factor, 1.0),
        contrast=only("contrast", factor, 1.0),
        saturation=only("color", factor, 1.0),
        angle=tf.zeros_like(factor),
    )
    image = _sharpen(image, only("sharpness", factor, 1.0))
    return {**fields, "image": _look_up(image, _tables(image, chosen, strength))}


def _sharpen(image: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, a smoothed picture; the border stays as it is."""
    values = tf.cast(image, tf.float32)
    kernel = tf.constant([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13.0
    kernel = tf.tile(kernel[:, :, None, None], [1, 1, 3, 1])
    smooth = tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "VALID")
    change = tf.pad(values[:, 1:-1, 1:-1] - smooth, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return as_dtype(values + (factor - 1.0)[:, None, None, None] * change, image)


def _tables(image: Tensor, chosen: Tensor, strength: float) -> Tensor:
    """The new value of each old one, for each picture and channel: (batch, 3, 256), uint8."""
    levels = tf.range(256)
    same = tf.broadcast_to(levels, [tf.shape(image)[0], 3, 256])
    solarized = tf.where(levels >= round(256 * (1.0 - strength)), 255 - levels, levels)
    step = 2 ** round(4 * strength)
    tables = {
        "solarize": tf.broadcast_to(solarized, tf.shape(same)),
        "posterize": tf.broadcast_to(levels // step * step, tf.shape(same)),
        "autocontrast": _autocontrast(image),
        "equalize": _equalize(image),
    }
    for name, table in tables.items():
        same = tf.where((chosen == _NUMBER[name])[:, None, None], table, same)
    return tf.cast(same, tf.uint8)


def _autocontrast(image: Tensor) -> Tensor:
    low = tf.cast(tf.reduce_min(image, axis=[1, 2]), tf.int32)[..., None]
    high = tf.cast(tf.reduce_max(image, axis=[1, 2]), tf.int32)[..., None]
    levels = tf.range(256)
    stretched = (levels - low) * 255 // tf.maximum(high - low, 1)
    return tf.where(high > low, tf.clip_by_value(stretched, 0, 255), levels)


def _equalize(image: Tensor) -> Tensor:
    """Every channel by the running sum of its histogram."""
    batch = tf.shape(image)[0]
    rows = tf.range(batch * 3)[:, None] * 256
    flat = tf.reshape(tf.transpose(image, [0, 3, 1, 2]), [batch * 3, -1])
    bins = batch * 768
    flat = tf.reshape(tf.cast(flat, tf.int32) + rows, [-1])
    counts = tf.math.bincount(flat, minlength=bins, maxlength=bins)
    counts = tf.reshape(counts, [batch, 3, 256])
    total = tf.reduce_sum(counts, axis=-1, keepdims=True)
    top = 255 - tf.argmax(tf.reverse(counts > 0, [-1]), axis=-1, output_type=tf.int32)
    last = tf.gather(counts, top, axis=-1, batch_dims=2)[..., None]
    step = (total - last) // 255
    before = tf.cumsum(counts, axis=-1, exclusive=True)
    table = (before + step // 2) // tf.maximum(step, 1)
    return tf.where(step > 0, tf.clip_by_value(table, 0, 255), tf.range(256))


def _look_up(image: Tensor, tables: Tensor) -> Tensor:
    """tables[b, c, image[b, y, x, c]], through one flat gather."""
    batch = tf.shape(image)[0]
    start = tf.range(batch)[:, None, None, None] * 768 + tf.range(3) * 256
    return tf.gather(tf.reshape(tables, [-1]), tf.cast(image, tf.int32) + start)

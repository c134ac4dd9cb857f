"""Rotation, zoom, shear and shift in one resampling."""

import math
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_choice, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields, as_dtype, keep_boxes, size_of


def affine(
    rotation: float = 0.0,
    zoom: float = 0.0,
    shear: float = 0.0,
    shift: float = 0.0,
    fill: str = "reflect",
) -> Augmentation:
    """Rotate, zoom, shear and shift each picture at random, in one resampling.

    Pictures bilinear, masks by the nearest pixel, boxes by their moved corners (their hull).

    Args:
        rotation: largest angle to either side, in degrees, ≥ 0.
        zoom: largest change of size: factors from 1/(1+zoom) to 1+zoom, ≥ 0.
        shear: largest angle of horizontal shear, in degrees, in [0, 80].
        shift: largest shift, as a share of the size, in [0, 1].
        fill: what is beyond the edge, for masks too: `"reflect"`, `"nearest"` or `"constant"`
            (zeros).

    Returns:
        An `Augmentation` of images (batch, height, width, channels).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images, turn = np.zeros((2, 8, 8, 3), "uint8"), mk.data.augment.affine(rotation=15)
        >>> turn(images, mk.data.keys(0, 0, [0, 1])).shape
        TensorShape([2, 8, 8, 3])
    """
    check_number("rotation", rotation, low=0.0)
    check_number("zoom", zoom, low=0.0)
    check_number("shear", shear, low=0.0, high=80.0)
    check_number("shift", shift, low=0.0, high=1.0)
    check_choice("fill", fill, ("reflect", "nearest", "constant"))

    def apply(fields: Fields, key: Tensor) -> Fields:
        height, width = size_of(fields["image"])
        draw = uniform(key, 5, -1.0, 1.0)
        matrix = matrices(
            height,
            width,
            angle=draw[:, 0] * math.radians(rotation),
            scale=tf.exp(draw[:, 1] * math.log1p(zoom)),
            shear_x=tf.tan(draw[:, 2] * math.radians(shear)),
            shift_x=draw[:, 3] * shift * tf.cast(width, tf.float32),
            shift_y=draw[:, 4] * shift * tf.cast(height, tf.float32),
        )
        return transform(fields, matrix, fill)

    parts = {"rotation": rotation, "zoom": zoom, "shear": shear, "shift": shift}
    text = ", ".join(f"{name}={value:g}" for name, value in parts.items() if value)
    return Augmentation(f"affine({text})", apply)


def matrices(
    height: Any,
    width: Any,
    angle: Any = 0.0,
    scale: Any = 1.0,
    shear_x: Any = 0.0,
    shear_y: Any = 0.0,
    shift_x: Any = 0.0,
    shift_y: Any = 0.0,
) -> Tensor:
    """Matrices about the centre, from the old place to the new one: (batch, 3, 3)."""
    angle, scale, shear_x, shear_y, shift_x, shift_y = _vectors(
        angle, scale, shear_x, shear_y, shift_x, shift_y
    )
    cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
    a, b = cos - sin * shear_y, cos * shear_x - sin
    c, d = sin + cos * shear_y, sin * shear_x + cos
    x = (tf.cast(width, tf.float32) - 1.0) / 2.0
    y = (tf.cast(height, tf.float32) - 1.0) / 2.0
    zero, one = tf.zeros_like(a), tf.ones_like(a)
    rows = [
        [a, b, x - a * x - b * y + shift_x],
        [c, d, y - c * x - d * y + shift_y],
        [zero, zero, one],
    ]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def _vectors(*values: Any) -> list[Tensor]:
    tensors = [tf.convert_to_tensor(v, tf.float32) for v in values]
    shape = tf.shape(tensors[0])
    for tensor in tensors[1:]:
        shape = tf.broadcast_dynamic_shape(tf.shape(tensor), shape)
    return [tf.broadcast_to(tensor, shape) for tensor in tensors]


def transform(fields: Fields, matrix: Tensor, fill: str) -> Fields:
    """Move everything in a batch by matrices (batch, 3, 3)."""
    height, width = size_of(fields["image"])
    # The operation wants, for each new pixel, the old one; eight numbers, the ninth is 1.
    inverse = tf.reshape(tf.linalg.inv(matrix), [-1, 9])[:, :8]
    changed = dict(fields)
    for name, interpolation in (("image", "BILINEAR"), ("mask", "NEAREST")):
        if name in fields:
            changed[name] = _resample(fields[name], inverse, height, width, fill, interpolation)
    if "boxes" in fields:
        changed["boxes"] = _move_boxes(fields["boxes"], matrix, height, width)
    return changed


def _resample(
    image: Tensor, inverse: Tensor, height: Any, width: Any, fill: str, interpolation: str
) -> Tensor:
    flat_mask = image.shape.rank == 3
    source = image[..., None] if flat_mask else image
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(source, tf.float32),
        transforms=inverse,
        output_shape=tf.stack([height, width]),
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode=fill.upper(),
    )
    moved = tf.ensure_shape(as_dtype(moved, source), source.shape)
    return moved[..., 0] if flat_mask else moved


def _move_boxes(boxes: Tensor, matrix: Tensor, height: Any, width: Any) -> Tensor:
    """The hull of the moved corners. Edges lie half a pixel beside the centres of pixels."""
    left, top, right, bottom = tf.unstack(tf.cast(boxes, tf.float32) - 0.5, axis=-1)
    corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
    m = matrix[:, None]
    x = tf.stack([m[..., 0, 0] * u + m[..., 0, 1] * v + m[..., 0, 2] for u, v in corners])
    y = tf.stack([m[..., 1, 0] * u + m[..., 1, 1] * v + m[..., 1, 2] for u, v in corners])
    hull = [tf.reduce_min(x, 0), tf.reduce_min(y, 0), tf.reduce_max(x, 0), tf.reduce_max(y, 0)]
    return keep_boxes(boxes, tf.stack(hull, axis=-1) + 0.5, height, width)

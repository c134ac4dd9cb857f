"""Pictures and labels of two examples in one."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields, as_dtype, size_of
from mlkit.data.augment._cutout import rectangle

_STEPS = 4096


def beta_table(alpha: float) -> np.ndarray:
    """Quantiles of Beta(alpha, alpha) at 0 … 1/2, as u = x**min(alpha, 1).

    In u the density of the lower half has no pole, so a sum by trapezoids is exact to many digits;
    the upper half is its mirror image.
    """
    power = min(alpha, 1.0)
    u = np.linspace(0.0, 0.5**power, 64 * _STEPS)
    x = u ** (1.0 / power)
    density = x ** (alpha - power) * (1.0 - x) ** (alpha - 1.0)
    mass = np.r_[0.0, np.cumsum((density[1:] + density[:-1]) / 2.0)]
    return np.interp(np.linspace(0.0, 1.0, _STEPS + 1), mass / mass[-1], u).astype("float32")


def beta(draw: Tensor, table: np.ndarray, alpha: float) -> Tensor:
    """Beta(alpha, alpha) from numbers in [0, 1), through the table."""
    folded = 2.0 * tf.minimum(draw, 1.0 - draw) * _STEPS
    place = tf.clip_by_value(tf.cast(folded, tf.int32), 0, _STEPS - 1)
    low, high = tf.gather(table, place), tf.gather(table, place + 1)
    part = folded - tf.cast(place, tf.float32)
    half = (low + part * (high - low)) ** (1.0 / min(alpha, 1.0))
    return tf.where(draw < 0.5, half, 1.0 - half)


def _one_hot(fields: Fields, classes: int | None) -> Tensor:
    label = fields.get("label")
    if label is None:
        raise ValueError(
            "This augmentation mixes labels: hand over batches (images, labels), or dicts with "
            '"image" and "label".'
        )
    if label.dtype.is_integer and classes is not None:
        return tf.one_hot(tf.reshape(label, [tf.shape(label)[0]]), classes)
    if label.dtype.is_integer:
        raise ValueError(
            "`classes` is needed to mix integer labels: they become one-hot. Received: classes=None"
        )
    return tf.cast(label, tf.float32)


def _blend(values: Tensor, share: Tensor) -> Tensor:
    """share · values + (1 - share) · those of the neighbour in the batch."""
    values = tf.cast(values, tf.float32)
    share = tf.reshape(share, [-1] + [1] * (values.shape.rank - 1))
    return share * values + (1.0 - share) * tf.roll(values, 1, axis=0)


def mixup(alpha: float = 0.2, classes: int | None = None) -> Augmentation:
    """Blend each picture, and its label, with the next of the batch.

    λ x + (1-λ) x', λ from Beta(alpha, alpha) for each example. Batches are shuffled, so the
    neighbour is a random partner.

    Args:
        alpha: > 0; small values leave most pictures nearly alone, 1 is uniform.
        classes: number of classes, if labels are integers. Labels come out as float32, one-hot.

    Returns:
        An `Augmentation` of (images, labels); images keep their dtype.

    Raises:
        ValueError: no labels, or integer labels without `classes`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> batch = (np.zeros((4, 8, 8, 3), "float32"), np.arange(4))
        >>> x, y = mk.data.augment.mixup(0.2, classes=4)(batch, mk.data.keys(0, 0, range(4)))
        >>> y.shape, bool(np.allclose(y.numpy().sum(axis=1), 1.0))
        (TensorShape([4, 4]), True)

    Reference:
        Zhang et al. 2017, "mixup: beyond empirical risk minimization",
        https://arxiv.org/abs/1710.09412. Differs from its code: one λ for each example, not one
        for the batch.
    """
    check_number("alpha", alpha, low=0.0, open_low=True)
    _check_classes(classes)
    table = beta_table(alpha)

    def apply(fields: Fields, key: Tensor) -> Fields:
        label, image = _one_hot(fields, classes), fields["image"]
        share = beta(uniform(key, 1)[:, 0], table, alpha)
        mixed = as_dtype(_blend(image, share), image)
        return {**fields, "image": mixed, "label": _blend(label, share)}

    return Augmentation(f"mixup({alpha:g})", apply)


def cutmix(alpha: float = 1.0, classes: int | None = None) -> Augmentation:
    """Replace a rectangle of each picture by that of the next, labels in proportion.

    The rectangle covers 1-λ of the picture, λ from Beta(alpha, alpha); labels are mixed by the
    area that was really replaced.

    Args:
        alpha: > 0; 1 draws all areas alike.
        classes: number of classes, if labels are integers. Labels come out as float32, one-hot.

    Returns:
        An `Augmentation` of (images, labels); images keep their dtype. A mask is replaced likewise.

    Raises:
        ValueError: no labels, or integer labels without `classes`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> batch = (np.zeros((4, 8, 8, 3), "uint8"), np.arange(4))
        >>> x, y = mk.data.augment.cutmix(classes=4)(batch, mk.data.keys(0, 0, range(4)))
        >>> x.dtype, y.shape
        (tf.uint8, TensorShape([4, 4]))

    Reference:
        Yun et al. 2019, https://arxiv.org/abs/1905.04899.
    """
    check_number("alpha", alpha, low=0.0, open_low=True)
    _check_classes(classes)
    table = beta_table(alpha)

    def apply(fields: Fields, key: Tensor) -> Fields:
        label, image = _one_hot(fields, classes), fields["image"]
        height, width = size_of(image)
        draw = uniform(key, 3)
        side = tf.sqrt(1.0 - beta(draw[:, 2], table, alpha))
        tall, wide = side * tf.cast(height, tf.float32), side * tf.cast(width, tf.float32)
        hole = rectangle(draw[:, :2], tall, wide, height, width)
        share = 1.0 - tf.reduce_mean(tf.cast(hole, tf.float32), axis=[1, 2])
        changed: dict[str, Any] = {**fields, "label": _blend(label, share)}
        for name in {"image", "mask"} & set(fields):
            value = fields[name]
            where = hole if value.shape.rank == 3 else hole[..., None]
            changed[name] = tf.where(where, tf.roll(value, 1, axis=0), value)
        return changed

    return Augmentation(f"cutmix({alpha:g})", apply)


def _check_classes(classes: int | None) -> None:
    if classes is not None:
        check_integer("classes", classes, low=2)

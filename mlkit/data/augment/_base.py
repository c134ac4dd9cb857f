"""What every augmentation is: a named function of a batch and a key for each example."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from mlkit._core.types import Tensor

Fields = dict[str, Any]


class Augmentation:
    """A function `(batch, key) -> batch` with a name.

    Made by the functions of `mk.data.augment`; also for your own, which then see the parts of a
    batch by name.

    Args:
        name: what `print(pipeline)` shows.
        apply: function `(fields, key) -> fields`; `fields` is a dict with "image" and, if present,
            "label", "mask", "boxes"; `key` is uint64 of shape (batch,).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> negative = mk.data.augment.Augmentation(
        ...     "negative", lambda fields, key: {**fields, "image": 255 - fields["image"]}
        ... )
        >>> images = np.zeros((2, 4, 4, 3), "uint8")
        >>> images, labels = negative((images, [0, 1]), mk.data.keys(0, 0, [0, 1]))
        >>> int(images[0, 0, 0, 0])
        255
    """

    def __init__(self, name: str, apply: Callable[[Fields, Tensor], Fields]) -> None:
        self.name, self.apply = name, apply

    def __call__(self, batch: Any, key: Tensor) -> Any:
        fields, close = open_batch(batch)
        return close(self.apply(fields, tf.convert_to_tensor(key)))

    def __repr__(self) -> str:
        return self.name


def open_batch(batch: Any) -> tuple[Fields, Callable[[Fields], Any]]:
    """The parts of a batch by name, and the function that puts them back in their places."""
    if isinstance(batch, dict):
        if "image" not in batch:
            raise ValueError(
                f'A batch that is a dict must have a component "image". Received: {sorted(batch)}'
            )
        known = ("image", "label", "mask", "boxes")
        fields = {k: tf.convert_to_tensor(v) for k, v in batch.items() if k in known}
        return fields, lambda changed: {**batch, **changed}
    if isinstance(batch, tuple | list):
        image, *rest = (tf.convert_to_tensor(part) for part in batch)
        fields = {"image": image}
        if rest:
            fields["mask" if _is_mask(rest[0], image) else "label"] = rest[0]
        return fields, lambda changed: (*changed.values(), *rest[1:])
    return {"image": tf.convert_to_tensor(batch)}, lambda changed: changed["image"]


def _is_mask(value: Tensor, image: Tensor) -> bool:
    same = value.shape.rank in (3, 4) and image.shape.rank == 4
    return same and value.shape[1:3] == image.shape[1:3] and None not in value.shape[1:3]


def size_of(image: Tensor) -> tuple[Any, Any]:
    """(height, width) of a batch of images: numbers where they are known, else tensors."""
    if image.shape.rank != 4:
        raise ValueError(
            f"Images must have the shape (batch, height, width, channels). Received: {image.shape}"
        )
    dynamic = tf.shape(image)
    return tuple(image.shape[i] or dynamic[i] for i in (1, 2))


def peak(image: Tensor) -> float:
    """The value of white: 255 for uint8, 1 for floats."""
    return 1.0 if image.dtype.is_floating else float(image.dtype.max)


def choose(chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """For each example of a batch that of `yes` or that of `no`.

    Copies whole examples: four times as fast as a `tf.where` that asks for each pixel.
    """
    place = tf.range(tf.shape(chosen)[0])
    place = tf.where(chosen, place, place + tf.shape(chosen)[0])
    return tf.ensure_shape(tf.gather(tf.concat([yes, no], axis=0), place), no.shape)


def as_dtype(image: Tensor, like: Tensor) -> Tensor:
    """Back to the dtype of the picture, rounded and clipped where it is an integer."""
    if like.dtype.is_floating:
        return tf.cast(image, like.dtype)
    image = tf.clip_by_value(tf.round(image), float(like.dtype.min), float(like.dtype.max))
    return tf.cast(image, like.dtype)


def keep_boxes(boxes: Tensor, moved: Tensor, height: Any, width: Any) -> Tensor:
    """Moved boxes, clipped to the picture; those outside, and those of -1, become -1."""
    limit = tf.cast(tf.stack([width, height, width, height]), moved.dtype)
    clipped = tf.clip_by_value(moved, tf.zeros_like(limit), limit)
    area = (clipped[..., 2] - clipped[..., 0]) * (clipped[..., 3] - clipped[..., 1])
    real = (boxes[..., 2] > boxes[..., 0]) & (area > 0)
    return tf.cast(tf.where(real[..., None], clipped, -1.0), boxes.dtype)

"""Random crops of padded pictures, and mirrored ones."""

import tensorflow as tf

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import uniform
from mlkit.data.augment._base import Augmentation, Fields, choose, keep_boxes, size_of


def crop(
    size: int | tuple[int, int] | None = None, padding: int = 4, mode: str = "reflect"
) -> Augmentation:
    """Cut a window at a random place out of each picture, padded before.

    The usual augmentation of small pictures: 4 pixels of padding, and the old size.

    Args:
        size: height and width of the window, in pixels. None: those of the picture.
        padding: pixels added on each side, ≥ 0.
        mode: what is beyond the edge: `"reflect"` or `"zero"`. Masks and pictures alike.

    Returns:
        An `Augmentation` of images (batch, height, width, channels).

    Raises:
        ValueError: a window larger than the padded picture.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images = np.zeros((2, 32, 32, 3), "uint8")
        >>> mk.data.augment.crop(28)(images, mk.data.keys(0, 0, [0, 1])).shape
        TensorShape([2, 28, 28, 3])
    """
    check_integer("padding", padding, low=0)
    check_choice("mode", mode, ("reflect", "zero"))
    window = (size, size) if isinstance(size, int) else size
    for side in window or ():
        check_integer("size", side, low=1)

    def apply(fields: Fields, key: Tensor) -> Fields:
        height, width = size_of(fields["image"])
        high, wide = window or (height, width)
        room = [height + 2 * padding - high + 1, width + 2 * padding - wide + 1]
        if all(isinstance(r, int) for r in room) and min(room) < 1:
            raise ValueError(
                f"`size` {high}x{wide} is larger than the pictures, {height}x{width}, with "
                f"padding={padding}."
            )
        draw = uniform(key, 2)
        offset = tf.cast(tf.floor(draw * tf.cast(tf.stack(room), tf.float32)), tf.int32) - padding
        rows = offset[:, 0, None] + tf.range(high)
        columns = offset[:, 1, None] + tf.range(wide)
        changed = {
            name: _gather(value, rows, columns, mode) if name in ("image", "mask") else value
            for name, value in fields.items()
        }
        if "boxes" in fields:
            shift = tf.cast(tf.tile(offset[:, ::-1], [1, 2])[:, None], tf.float32)
            moved = tf.cast(fields["boxes"], tf.float32) - shift
            changed["boxes"] = keep_boxes(fields["boxes"], moved, high, wide)
        return changed

    return Augmentation(f"crop({size or 'same size'}, padding={padding})", apply)


def _gather(image: Tensor, rows: Tensor, columns: Tensor, mode: str) -> Tensor:
    """Pixels at (rows, columns) of each picture, shapes (batch, h) and (batch, w)."""
    flat_mask = image.shape.rank == 3
    image = image[..., None] if flat_mask else image
    height, width = size_of(image)
    if mode == "zero":
        # Beyond the edge is one more row and column: a `tf.where` on all pixels takes far longer.
        image = tf.pad(image, [[0, 0], [0, 1], [0, 1], [0, 0]])
        rows = tf.where((rows >= 0) & (rows < height), rows, height)
        columns = tf.where((columns >= 0) & (columns < width), columns, width)
    else:
        rows, columns = _reflect(rows, height), _reflect(columns, width)
    cut = tf.gather(image, rows, axis=1, batch_dims=1)
    cut = tf.gather(cut, columns, axis=2, batch_dims=1)
    return cut[..., 0] if flat_mask else cut


def _reflect(index: Tensor, size: int | Tensor) -> Tensor:
    """Indices beyond the edge, mirrored at the edge pixel, as often as it takes."""
    period = tf.maximum(2 * (size - 1), 1)
    index = tf.math.floormod(index, period)
    return tf.minimum(index, period - index)


def flip(horizontal: bool = True, vertical: bool = False, probability: float = 0.5) -> Augmentation:
    """Mirror each picture with a probability, in each direction on its own.

    Args:
        horizontal: exchange left and right.
        vertical: exchange top and bottom.
        probability: of each, in [0, 1].

    Returns:
        An `Augmentation` of images (batch, height, width, channels).

    Raises:
        ValueError: neither direction.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> flip, key = mk.data.augment.flip(probability=1.0), mk.data.keys(0, 0, [0])
        >>> flip(np.arange(3.0).reshape(1, 1, 3, 1), key).numpy().ravel().tolist()
        [2.0, 1.0, 0.0]
    """
    check_bool("horizontal", horizontal)
    check_bool("vertical", vertical)
    check_number("probability", probability, low=0.0, high=1.0)
    if not (horizontal or vertical):
        raise ValueError("`flip` needs `horizontal` or `vertical`. Received: neither")
    axes = [axis for axis, wanted in ((2, horizontal), (1, vertical)) if wanted]

    def apply(fields: Fields, key: Tensor) -> Fields:
        sizes = size_of(fields["image"])
        chosen = uniform(key, 2) < probability
        changed = dict(fields)
        for axis in axes:
            mirrored = chosen[:, axis - 1]
            for name in {"image", "mask"} & set(fields):
                changed[name] = choose(mirrored, tf.reverse(changed[name], [axis]), changed[name])
            if "boxes" in fields:
                changed["boxes"] = _flip_boxes(changed["boxes"], mirrored, axis, sizes)
        return changed

    words = {2: "horizontal", 1: "vertical"}
    return Augmentation(f"flip({', '.join(words[a] for a in axes)}, {probability:g})", apply)


def _flip_boxes(boxes: Tensor, mirrored: Tensor, axis: int, sizes: tuple) -> Tensor:
    """Left becomes width - right, and so on; rows of -1 stay."""
    low, high = (0, 2) if axis == 2 else (1, 3)
    size = tf.cast(sizes[axis - 1], boxes.dtype)
    columns = list(tf.unstack(boxes, axis=-1))
    columns[low], columns[high] = size - columns[high], size - columns[low]
    real = (boxes[..., 2] > boxes[..., 0]) & mirrored[:, None]
    return tf.where(real[..., None], tf.stack(columns, axis=-1), boxes)

"""Images turned, moved and sheared by given amounts."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops.image._resample import sample


def _as_batch(images: Tensor) -> Tensor:
    """Images of two, three or four axes as `(batch, height, width, channels)`."""
    rank = len(images.shape)
    if rank not in (2, 3, 4):
        raise ValueError(
            "`images` must have shape (height, width), (height, width, channels) or "
            f"(batch, height, width, channels). Received: images.shape={tuple(images.shape)}"
        )
    if rank == 2:
        return images[None, :, :, None]
    return images[None] if rank == 3 else images


def transform(
    images: Tensor,
    transforms: Tensor,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    output_shape: Sequence[int] | None = None,
    name: str | None = None,
    fill_value: Tensor | float = 0.0,
) -> Tensor:
    """Images under projective maps of their places.

    With `a0 ... b2, c0, c1` of a map, the pixel (x, y) of the result is that of the image at

        ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k),        k = c0 x + c1 y + 1

    Compiled by XLA; gradients go to the images, and with `"bilinear"` to the maps.

    Args:
        images: `(height, width)`, `(height, width, channels)` or `(batch, height, width,
            channels)`, of any dtype.
        transforms: `[a0, a1, a2, b0, b1, b2, c0, c1]`, or one such row an image.
        interpolation: `"nearest"` (default) or `"bilinear"`.
        fill_mode: what is beyond the edge: `"constant"` (default), `"nearest"`, `"reflect"`
            (mirrored: `d c b a | a b c d | d c b a`) or `"wrap"`.
        output_shape: height and width of the result. Default None: those of the images.
        name: of the operations in a graph. Default None.
        fill_value: number for `"constant"`, or one a channel. Default 0.0.

    Returns:
        Tensor of the rank and dtype of the images.

    Raises:
        ValueError: an argument out of its range, or shapes other than these.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.array([[1, 2], [3, 4]])
        >>> np.asarray(mk.ops.image.transform(image, [1, 0, 1, 0, 1, 0, 0, 0])).tolist()
        [[2, 0], [4, 0]]

    Reference:
        Hartley & Zisserman, 2004, Multiple View Geometry in Computer Vision.
        Differs from `tf.raw_ops.ImageProjectiveTransformV3`, which TensorFlow Addons used, in
        having a kernel for XLA and gradients to the maps, and in what `"wrap"` puts between the
        last pixel and the first.
    """
    images = ops.convert_to_tensor(images)
    batch = _as_batch(images)
    maps = wide(transforms)
    if len(maps.shape) == 1:
        maps = maps[None]
    if len(maps.shape) != 2 or maps.shape[-1] != 8:
        raise ValueError(
            "`transforms` must hold 8 numbers, or a row of 8 an image. Received: "
            f"transforms.shape={tuple(maps.shape)}"
        )
    count, height, width, channels = ops.shape(batch)
    rows, columns = (height, width) if output_shape is None else output_shape
    with keras.name_scope(name or "transform"):
        y, x = ops.meshgrid(
            ops.arange(rows, dtype=maps.dtype), ops.arange(columns, dtype=maps.dtype), indexing="ij"
        )
        x, y = ops.reshape(x, (1, -1)), ops.reshape(y, (1, -1))
        a0, a1, a2, b0, b1, b2, c0, c1 = (maps[:, i : i + 1] for i in range(8))
        k = c0 * x + c1 * y + 1.0
        # What a projection sends to infinity is beyond the edge.
        k = ops.where(k == 0, ops.full_like(k, 1e-9), k)
        place = (count, rows * columns)
        u = ops.broadcast_to((a0 * x + a1 * y + a2) / k, place)
        v = ops.broadcast_to((b0 * x + b1 * y + b2) / k, place)
        values = sample(batch, v, u, interpolation, fill_mode, fill_value)
        values = ops.reshape(values, (count, rows, columns, channels))
    rank = len(images.shape)
    return values if rank == 4 else values[0] if rank == 3 else values[0, :, :, 0]


def _maps(*entries: Any) -> Tensor:
    """Rows of 8 from numbers and vectors."""
    entries = tuple(ops.reshape(wide(entry), (-1,)) for entry in entries)
    dtype = "float64" if any(entry.dtype == "float64" for entry in entries) else "float32"
    entries = tuple(ops.cast(entry, dtype) for entry in entries)
    longest = max(entries, key=lambda entry: entry.shape[0] if entry.shape[0] != 1 else 0)
    return ops.stack([entry + ops.zeros_like(longest) for entry in entries], axis=-1)


def rotate(
    images: Tensor,
    angles: Tensor | float,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    name: str | None = None,
    fill_value: Tensor | float = 0.0,
) -> Tensor:
    """Images turned about their centre, counter-clockwise.

    Args:
        images: as for `mlkit.ops.image.transform`.
        angles: in radians: a number, or one an image.
        interpolation: `"nearest"` (default) or `"bilinear"`.
        fill_mode: as for `mlkit.ops.image.transform`. Default `"constant"`.
        name: of the operations in a graph. Default None.
        fill_value: as for `mlkit.ops.image.transform`. Default 0.0.

    Returns:
        Tensor of the shape and dtype of the images.

    Raises:
        ValueError: an argument out of its range, or images of another rank.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.array([[1, 2], [3, 4]])
        >>> np.asarray(mk.ops.image.rotate(image, np.pi / 2)).tolist()
        [[2, 4], [1, 3]]
    """
    images = ops.convert_to_tensor(images)
    _, height, width, _ = ops.shape(_as_batch(images))
    angle = wide(angles)
    last_row, last_column = (ops.cast(size - 1, angle.dtype) for size in (height, width))
    cos, sin = ops.cos(angle), ops.sin(angle)
    x = (last_column - (cos * last_column - sin * last_row)) / 2.0
    y = (last_row - (sin * last_column + cos * last_row)) / 2.0
    maps = _maps(cos, -sin, x, sin, cos, y, 0.0, 0.0)
    return transform(images, maps, interpolation, fill_mode, None, name or "rotate", fill_value)


def translate(
    images: Tensor,
    translations: Tensor,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    name: str | None = None,
    fill_value: Tensor | float = 0.0,
) -> Tensor:
    """Images moved to the right and down.

    Args:
        images: as for `mlkit.ops.image.transform`.
        translations: `[dx, dy]` in pixels, or one such row an image.
        interpolation: `"nearest"` (default) or `"bilinear"`.
        fill_mode: as for `mlkit.ops.image.transform`. Default `"constant"`.
        name: of the operations in a graph. Default None.
        fill_value: as for `mlkit.ops.image.transform`. Default 0.0.

    Returns:
        Tensor of the shape and dtype of the images.

    Raises:
        ValueError: an argument out of its range, or shapes other than these.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.ops.image.translate(np.array([[1, 2], [3, 4]]), [1, 0])).tolist()
        [[0, 1], [0, 3]]
    """
    shift = wide(translations)
    if shift.shape[-1:] != (2,) or len(shift.shape) > 2:
        raise ValueError(
            "`translations` must be [dx, dy], or a row of 2 an image. Received: "
            f"translations.shape={tuple(shift.shape)}"
        )
    maps = _maps(1.0, 0.0, -shift[..., 0], 0.0, 1.0, -shift[..., 1], 0.0, 0.0)
    return transform(images, maps, interpolation, fill_mode, None, name or "translate", fill_value)


def shear_x(
    image: Tensor,
    level: Tensor | float,
    replace: Tensor | float = 0.0,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
) -> Tensor:
    """Images sheared along their rows: x is read at x + level * y.

    Args:
        image: one or more, as for `mlkit.ops.image.transform`.
        level: pixels along x for each of y: a number, or one an image.
        replace: as `fill_value` for `mlkit.ops.image.transform`. Default 0.0.
        interpolation: `"nearest"` (default) or `"bilinear"`.
        fill_mode: as for `mlkit.ops.image.transform`. Default `"constant"`.

    Returns:
        Tensor of the shape and dtype of the images.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.ops.image.shear_x(np.array([[1, 2], [3, 4]]), 1.0)).tolist()
        [[1, 2], [4, 0]]
    """
    maps = _maps(1.0, level, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    return transform(image, maps, interpolation, fill_mode, None, "shear_x", replace)


def shear_y(
    image: Tensor,
    level: Tensor | float,
    replace: Tensor | float = 0.0,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
) -> Tensor:
    """Images sheared along their columns: y is read at y + level * x.

    Args:
        image: one or more, as for `mlkit.ops.image.transform`.
        level: pixels along y for each of x: a number, or one an image.
        replace: as `fill_value` for `mlkit.ops.image.transform`. Default 0.0.
        interpolation: `"nearest"` (default) or `"bilinear"`.
        fill_mode: as for `mlkit.ops.image.transform`. Default `"constant"`.

    Returns:
        Tensor of the shape and dtype of the images.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.ops.image.shear_y(np.array([[1, 2], [3, 4]]), 1.0)).tolist()
        [[1, 4], [3, 0]]
    """
    maps = _maps(1.0, 0.0, 0.0, level, 1.0, 0.0, 0.0, 0.0)
    return transform(image, maps, interpolation, fill_mode, None, "shear_y", replace)

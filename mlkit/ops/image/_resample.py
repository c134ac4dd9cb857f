"""Reading images at places between their pixels."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.ops._weighted_rows import weighted_rows

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def sample(
    images: Tensor,
    y: Tensor,
    x: Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: Tensor | float = 0.0,
) -> Tensor:
    """Values of images at places in pixels, with gradients to images and, bilinear, to places.

    Args:
        images: `(batch, height, width, channels)`.
        y, x: rows and columns, `(batch, n)`.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: what is beyond the edge: `fill_value`, the nearest pixel, the image mirrored
            (`d c b a | a b c d | d c b a`), or the image again.
        fill_value: number, or one a channel, for `"constant"`.

    Returns:
        `(batch, n, channels)`, of the images' dtype.
    """
    check_choice("interpolation", interpolation.lower(), INTERPOLATIONS)
    check_choice("fill_mode", fill_mode.lower(), FILL_MODES)
    dtype = keras.utils.standardize_dtype(images.dtype)
    whole = "int" in dtype or dtype == "bool"
    nearest, fill_mode = interpolation.lower() == "nearest", fill_mode.lower()
    y, x = wide(y), wide(x)
    if nearest:
        table = _table(images, fill_mode, fill_value)
        (index,) = _indices(ops.shape(images), [_floor(y + 0.5)], [_floor(x + 0.5)], fill_mode)
        return ops.take(table, index, axis=0)
    images = wide(images)
    top, left = _floor(y), _floor(x)
    down = ops.cast(y - ops.cast(top, y.dtype), images.dtype)[..., None]
    right = ops.cast(x - ops.cast(left, x.dtype), images.dtype)[..., None]
    values = weighted_rows(
        _table(images, fill_mode, fill_value),
        [row * column for row in (1 - down, down) for column in (1 - right, right)],
        _indices(ops.shape(images), [top, top + 1], [left, left + 1], fill_mode),
    )
    return ops.cast(ops.round(values) if whole else values, dtype)


def _tensor(x: Tensor) -> Tensor:
    return ops.convert_to_tensor(x)


def _floor(x: Tensor) -> Tensor:
    # A place beyond any image would leave int32.
    return ops.cast(ops.clip(ops.floor(x), -1e9, 1e9), "int32")


def _table(images: Tensor, fill_mode: str, fill_value: Tensor | float) -> Tensor:
    """All pixels, `(pixels, channels)`, and below them the fill value where one is needed."""
    pixels = ops.reshape(images, (-1, ops.shape(images)[-1]))
    if fill_mode != "constant":
        return pixels
    fill = ops.broadcast_to(ops.cast(fill_value, pixels.dtype), ops.shape(pixels[:1]))
    return ops.concatenate([pixels, fill], axis=0)


def _indices(shape: Any, rows: list[Tensor], columns: list[Tensor], fill_mode: str) -> list[Tensor]:
    """Where the pixel of each row and column is in the table, rows first."""
    batch, height, width, _ = shape
    first = ops.arange(batch, dtype="int32")[:, None] * (height * width)
    starts = [first + _inside(row, height, fill_mode) * width for row in rows]
    ends = [_inside(column, width, fill_mode) for column in columns]
    places = [start + end for start in starts for end in ends]
    if fill_mode != "constant":
        return places
    inside = [(row >= 0) & (row < height) for row in rows]
    along = [(column >= 0) & (column < width) for column in columns]
    both = [one & other for one in inside for other in along]
    fill = batch * height * width
    return [ops.where(known, place, fill) for known, place in zip(both, places, strict=True)]


def _inside(index: Tensor, size: int, fill_mode: str) -> Tensor:
    """The index within the image that stands for one beyond its edge."""
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "reflect":
        index = index % (2 * size)
        return ops.minimum(index, 2 * size - 1 - index)
    return ops.clip(index, 0, size - 1)


def interpolate_bilinear(
    grid: Tensor, query_points: Tensor, indexing: str = "ij", name: str | None = None
) -> Tensor:
    """Values of images at given places, bilinear; beyond the edge the nearest pixel.

    Args:
        grid: images `(batch, height, width, channels)`.
        query_points: places in pixels, `(batch, n, 2)`.
        indexing: `"ij"`: a place is (row, column); `"xy"`: (column, row). Default `"ij"`.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of shape `(batch, n, channels)` and the dtype of `grid`, with gradients to both.

    Raises:
        ValueError: another `indexing`, or shapes other than these.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> grid = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
        >>> float(mk.ops.image.interpolate_bilinear(grid, np.array([[[0.5, 0.5]]]))[0, 0, 0])
        1.5
    """
    check_choice("indexing", indexing, ("ij", "xy"))
    grid, points = _tensor(grid), _tensor(query_points)
    if len(grid.shape) != 4 or len(points.shape) != 3 or points.shape[-1] != 2:
        raise ValueError(
            "`grid` must have shape (batch, height, width, channels) and `query_points` "
            f"(batch, n, 2). Received: grid.shape={tuple(grid.shape)}, "
            f"query_points.shape={tuple(points.shape)}"
        )
    rows, columns = (0, 1) if indexing == "ij" else (1, 0)
    with keras.name_scope(name or "interpolate_bilinear"):
        return sample(grid, points[..., rows], points[..., columns], fill_mode="nearest")


def resampler(data: Tensor, warp: Tensor, name: str | None = None) -> Tensor:
    """Values of images at given places, bilinear; beyond the edge zeros.

    Args:
        data: images `(batch, height, width, channels)`.
        warp: places (column, row) in pixels, `(batch, ..., 2)`.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of shape `(batch, ..., channels)` and the dtype of `data`, with gradients to both.

    Raises:
        ValueError: shapes other than these.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> data = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
        >>> float(mk.ops.image.resampler(data, np.array([[1.0, 0.5]]))[0, 0])
        2.0
    """
    data, warp = _tensor(data), _tensor(warp)
    if len(data.shape) != 4 or len(warp.shape) < 2 or warp.shape[-1] != 2:
        raise ValueError(
            "`data` must have shape (batch, height, width, channels) and `warp` (batch, ..., 2). "
            f"Received: data.shape={tuple(data.shape)}, warp.shape={tuple(warp.shape)}"
        )
    places = ops.shape(warp)[:-1]
    with keras.name_scope(name or "resampler"):
        flat = ops.reshape(warp, (places[0], -1, 2))
        values = sample(data, flat[..., 1], flat[..., 0])
        return ops.reshape(values, (*places, data.shape[-1]))

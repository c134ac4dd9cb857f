"""Reading images at places between their pixels."""

import keras
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.precision import wide
from mlkit._core.types import Tensor

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
    y, x = wide(y), wide(x)
    if interpolation.lower() == "nearest":
        values = _pixels(images, _floor(y + 0.5), _floor(x + 0.5), fill_mode.lower(), fill_value)
        return ops.cast(values, images.dtype)
    images = wide(images)
    top, left = _floor(y), _floor(x)
    down = ops.cast(y - ops.cast(top, y.dtype), images.dtype)[..., None]
    right = ops.cast(x - ops.cast(left, x.dtype), images.dtype)[..., None]
    rows = []
    for row in (top, top + 1):
        a, b = (_pixels(images, row, left + k, fill_mode.lower(), fill_value) for k in (0, 1))
        rows.append(a + right * (b - a))
    values = rows[0] + down * (rows[1] - rows[0])
    return ops.cast(ops.round(values) if whole else values, dtype)


def _tensor(x: Tensor) -> Tensor:
    return ops.convert_to_tensor(x)


def _floor(x: Tensor) -> Tensor:
    # A place beyond any image would leave int32.
    return ops.cast(ops.clip(ops.floor(x), -1e9, 1e9), "int32")


def _pixels(images: Tensor, y: Tensor, x: Tensor, fill_mode: str, fill_value: Tensor) -> Tensor:
    batch, height, width, channels = ops.shape(images)
    inside = ops.logical_and((y >= 0) & (y < height), (x >= 0) & (x < width))
    y, x = _inside(y, height, fill_mode), _inside(x, width, fill_mode)
    first = ops.arange(batch, dtype="int32")[:, None] * (height * width)
    flat = ops.reshape(images, (-1, channels))
    values = ops.take(flat, first + y * width + x, axis=0)
    if fill_mode != "constant":
        return values
    return ops.where(inside[..., None], values, ops.cast(fill_value, values.dtype))


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

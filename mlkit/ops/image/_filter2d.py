"""Images smoothed by a window."""

import itertools
from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.types import Tensor

PADDINGS = ("REFLECT", "CONSTANT", "SYMMETRIC")


def _pair(name: str, value: Any) -> tuple[Any, Any]:
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"`{name}` must be a number or two of them. Received: {name}={value!r}")
    return pair


def _padded(
    image: Tensor, filter_shape: Any, padding: str, constant_values: float
) -> tuple[Tensor, tuple[int, int], tuple[int, int]]:
    """The image, wide, with a margin, the axes of its rows and columns, and the window."""
    image = wide(image)
    rank = len(image.shape)
    if rank not in (2, 3, 4):
        raise ValueError(
            "`image` must have shape (height, width), (height, width, channels) or "
            f"(batch, height, width, channels). Received: image.shape={tuple(image.shape)}"
        )
    window = _pair("filter_shape", filter_shape)
    for size in window:
        check_integer("filter_shape", size, low=1)
    check_choice("padding", padding.upper(), PADDINGS)
    axes = (1, 2) if rank == 4 else (0, 1)
    margins = [(0, 0)] * rank
    for axis, size in zip(axes, window, strict=True):
        margins[axis] = ((size - 1) // 2, size - 1 - (size - 1) // 2)
    if padding.upper() == "CONSTANT":
        return ops.pad(image, margins, "constant", constant_values=constant_values), axes, window
    return ops.pad(image, margins, padding.lower()), axes, window


def _shifted(image: Tensor, axes: Sequence[int], window: Sequence[int]) -> list[Tensor]:
    """The window's views of an image along some of its axes."""
    views = []
    for starts in itertools.product(*(range(size) for size in window)):
        place = [slice(None)] * len(image.shape)
        for axis, size, start in zip(axes, window, starts, strict=True):
            place[axis] = slice(start, start + ops.shape(image)[axis] - size + 1)
        views.append(image[tuple(place)])
    return views


def _back(values: Tensor, image: Tensor) -> Tensor:
    dtype = keras.utils.standardize_dtype(image.dtype)
    return ops.cast(ops.round(values) if "int" in dtype else values, dtype)


def gaussian_filter2d(
    image: Tensor,
    filter_shape: int | Sequence[int] = (3, 3),
    sigma: float | Sequence[float] = 1.0,
    padding: str = "REFLECT",
    constant_values: float = 0,
    name: str | None = None,
) -> Tensor:
    """Images smoothed by a Gaussian window.

    The window is exp(-(y² / sigma_y² + x² / sigma_x²) / 2), divided by its sum; rows and columns
    are smoothed one after the other, which is the same and cheaper.

    Args:
        image: `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`.
        filter_shape: height and width of the window, or one number for both. Default (3, 3).
        sigma: deviation in pixels along height and width, ≥ 0, or one number. Default 1.0.
        padding: `"REFLECT"` (default), `"CONSTANT"` or `"SYMMETRIC"`: what is beyond the edge.
        constant_values: for `"CONSTANT"`. Default 0.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of the shape and dtype of the image.

    Raises:
        ValueError: an argument out of its range, or an image of another rank.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.zeros((3, 3))
        >>> image[1, 1] = 1.0
        >>> float(mk.ops.image.gaussian_filter2d(image)[1, 1].numpy().round(4))
        0.2042

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        `scipy.ndimage.gaussian_filter`; names and defaults of `tfa.image.gaussian_filter2d`.
    """
    original = ops.convert_to_tensor(image)
    deviations = _pair("sigma", sigma)
    for deviation in deviations:
        check_number("sigma", deviation, low=0.0)
    values, axes, window = _padded(original, filter_shape, padding, constant_values)
    with keras.name_scope(name or "gaussian_filter2d"):
        for axis, size, deviation in zip(axes, window, deviations, strict=True):
            place = ops.arange(size, dtype=values.dtype) - (size - 1) // 2
            weight = ops.softmax(-0.5 * ops.square(place / max(deviation, 1e-6)))
            views = _shifted(values, [axis], [size])
            # Not a sum of a stack, which is copied; a convolution is six times as slow in XLA.
            values = reduce(ops.add, [weight[k] * view for k, view in enumerate(views)])
        return _back(values, original)


def mean_filter2d(
    image: Tensor,
    filter_shape: int | Sequence[int] = (3, 3),
    padding: str = "REFLECT",
    constant_values: float = 0,
    name: str | None = None,
) -> Tensor:
    """Images whose pixels are the mean over a window.

    Args:
        image: `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`.
        filter_shape: height and width of the window, or one number for both. Default (3, 3).
        padding: `"REFLECT"` (default), `"CONSTANT"` or `"SYMMETRIC"`: what is beyond the edge.
        constant_values: for `"CONSTANT"`. Default 0.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of the shape and dtype of the image.

    Raises:
        ValueError: an argument out of its range, or an image of another rank.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.zeros((3, 3))
        >>> image[1, 1] = 9.0
        >>> round(float(mk.ops.image.mean_filter2d(image)[1, 1]), 4)
        1.0

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        `scipy.ndimage.uniform_filter`; names and defaults of `tfa.image.mean_filter2d`.
    """
    original = ops.convert_to_tensor(image)
    values, axes, window = _padded(original, filter_shape, padding, constant_values)
    with keras.name_scope(name or "mean_filter2d"):
        for axis, size in zip(axes, window, strict=True):
            values = reduce(ops.add, _shifted(values, [axis], [size])) / size
        return _back(values, original)


def median_filter2d(
    image: Tensor,
    filter_shape: int | Sequence[int] = (3, 3),
    padding: str = "REFLECT",
    constant_values: float = 0,
    name: str | None = None,
) -> Tensor:
    """Images whose pixels are the median over a window.

    Single outliers go, edges stay.

    Args:
        image: `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`.
        filter_shape: height and width of the window, or one number for both. Default (3, 3).
        padding: `"REFLECT"` (default), `"CONSTANT"` or `"SYMMETRIC"`: what is beyond the edge.
        constant_values: for `"CONSTANT"`. Default 0.
        name: of the operations in a graph. Default None.

    Returns:
        Tensor of the shape and dtype of the image. With a window of an even number of pixels the
        mean of the middle two.

    Raises:
        ValueError: an argument out of its range, or an image of another rank.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> image = np.ones((3, 3))
        >>> image[1, 1] = 9.0
        >>> float(mk.ops.image.median_filter2d(image)[1, 1])
        1.0

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        `scipy.ndimage.median_filter`; names and defaults of `tfa.image.median_filter2d`.
    """
    original = ops.convert_to_tensor(image)
    values, axes, window = _padded(original, filter_shape, padding, constant_values)
    with keras.name_scope(name or "median_filter2d"):
        views = _shifted(values, axes, window)
        largest, _ = ops.top_k(ops.stack(views, axis=-1), len(views) // 2 + 1)
        middle = largest[..., -1]
        if len(views) % 2 == 0:
            middle = 0.5 * (largest[..., -2] + middle)
        return _back(middle, original)

"""Pooling of images of any size into a fixed number of vectors."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.images import image_format, pair, shape_to_last, to_last
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank
from mlkit._core.types import Config, Shape, Tensor


@register
class SpatialPyramidPooling2D(keras.layers.Layer):
    """Pools an image by several grids, whatever its size.

    A grid of n by m bins divides the image into n by m parts; bin (i, j) pools the rows from
    floor(i * height / n) to ceil((i + 1) * height / n), and columns likewise. Bins overlap by a
    pixel where sizes do not divide, and no pixel is left out. The bins of all grids, row by row,
    are one axis of the output: a classifier behind it takes images of any size.

    Args:
        bins: the grids: a sequence of integers (n for n by n) or pairs of them.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        pooling: `"average"` (default) or `"max"`, as in the paper.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images; height and width may be unknown.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        `(batch, bins, channels)`, or `(batch, channels, bins)` with `"channels_first"`.

    Raises:
        ValueError: no bins, or the inputs have not four axes.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.layers.SpatialPyramidPooling2D([1, 2, (3, 5)])(np.ones((2, 11, 13, 8))).shape
        TensorShape([2, 20, 8])

    Reference:
        He et al., 2015, Spatial Pyramid Pooling in Deep Convolutional Networks for Visual
        Recognition, https://arxiv.org/abs/1406.4729. Differs from TensorFlow Addons, which cut off
        the rows and columns that a grid did not divide; `pooling` is new.
    """

    def __init__(
        self,
        bins: Sequence[Any],
        data_format: str | None = None,
        pooling: str = "average",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(bins, Sequence) or isinstance(bins, str) or not bins:
            raise ValueError(
                f"`bins` must be a sequence of integers or pairs of them. Received: bins={bins!r}"
            )
        self._bins = [pair("bins", grid) for grid in bins]
        self._format = image_format(data_format)
        check_choice("pooling", pooling, ["average", "max"])
        self.bins = bins
        self.data_format = data_format
        self.pooling = pooling

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = wide(to_last(inputs, self._format))
        batch, _, _, channels = ops.shape(x)
        pool = _averages if self.pooling == "average" else _largest
        levels = []
        for rows, columns in self._bins:
            pooled = pool(pool(x, 1, rows), 2, columns)
            levels.append(ops.reshape(pooled, (batch, rows * columns, channels)))
        pooled = ops.cast(ops.concatenate(levels, axis=1), self.compute_dtype)
        return pooled if self._format == "channels_last" else ops.transpose(pooled, (0, 2, 1))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, _, _, channels = shape_to_last(input_shape, self._format)
        count = sum(rows * columns for rows, columns in self._bins)
        last = self._format == "channels_last"
        return (batch, count, channels) if last else (batch, channels, count)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "bins": self.bins,
            "data_format": self.data_format,
            "pooling": self.pooling,
        }


def _ends(size: Any, bins: int) -> tuple[Tensor, Tensor]:
    """First position of each bin, and the one after its last, of shape (bins, 1)."""
    number = ops.arange(bins, dtype="int32")[:, None]
    return number * size // bins, -(-(number + 1) * size // bins)


def _averages(x: Tensor, axis: int, bins: int) -> Tensor:
    """Mean of each bin of one of the axes 1 and 2: a product with a matrix of shares."""
    batch, height, width, channels = ops.shape(x)
    size = height if axis == 1 else width
    first, end = _ends(size, bins)
    place = ops.arange(size, dtype="int32")
    shares = ops.cast((place >= first) & (place < end), x.dtype) / ops.cast(end - first, x.dtype)
    if axis == 1:
        y = ops.matmul(shares, ops.reshape(x, (batch, height, width * channels)))
        return ops.reshape(y, (batch, bins, width, channels))
    return ops.matmul(shares, x)


def _largest(x: Tensor, axis: int, bins: int) -> Tensor:
    """Maximum of each bin of one axis. A bin shorter than the longest sees its last one again."""
    size = ops.shape(x)[axis]
    first, end = _ends(size, bins)
    place = ops.minimum(first + ops.arange(-(-size // bins) + 1, dtype="int32"), end - 1)
    return ops.max(ops.take(x, place, axis=axis), axis=axis + 1)

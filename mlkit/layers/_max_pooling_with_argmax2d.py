"""Max pooling that tells where the largest values were."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_choice
from mlkit._core.images import pair
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class MaxPoolingWithArgmax2D(keras.layers.Layer):
    """Max pooling and the positions of the largest values in the inputs.

    The position of the value at row y, column x and channel c is the number

        (y * width + x) * channels + c,

    counted in the image without its padding, and in each image by itself unless
    `include_batch_in_index`. Of equal values the first counts, and it alone receives the gradient.
    `mlkit.layers.MaxUnpooling2D` takes both outputs and puts the values back: boundaries survive in
    an encoder and decoder without shortcuts.

    Args:
        pool_size: rows and columns of a window, an integer ≥ 1 or two of them; default (2, 2).
        strides: steps of the window, likewise; default None: `pool_size`.
        padding: `"valid"` (default) or `"same"`, in either case of letters.
        include_batch_in_index: whether `height * width * channels` times the number of the image is
            added; default False.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        List of two of `(batch, new_height, new_width, channels)`: values, and positions in int32.

    Raises:
        ValueError: the inputs have not four axes, the number of channels is unknown, or the window
            is larger than the image with `"valid"`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.array([[1.0, 2.0, 8.0, 5.0], [3.0, 4.0, 7.0, 6.0]]).reshape(1, 2, 4, 1)
        >>> values, positions = mk.layers.MaxPoolingWithArgmax2D()(x)
        >>> np.ravel(values).tolist(), np.ravel(positions).tolist()
        ([4.0, 8.0], [5, 2])

    Reference:
        Badrinarayanan, Kendall and Cipolla, 2017, SegNet, https://arxiv.org/abs/1511.00561. The
        positions are those of `tf.nn.max_pool_with_argmax`, which has no XLA kernel; this has.
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        include_batch_in_index: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._pool = pair("pool_size", pool_size)
        self._strides = self._pool if strides is None else pair("strides", strides)
        check_choice("padding", padding, ["valid", "same", "VALID", "SAME"])
        check_bool("include_batch_in_index", include_batch_in_index)
        self.pool_size = pool_size
        self.strides = strides
        self.padding = padding
        self.include_batch_in_index = include_batch_in_index

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        known_size(self, input_shape, 3)
        for size, pool in zip(input_shape[1:3], self._pool, strict=True):
            if self.padding.lower() == "valid" and size is not None and size < pool:
                raise ValueError(
                    f"MaxPoolingWithArgmax2D {self.name!r} has a window of {self._pool}, which is "
                    f"larger than the image. Received: input_shape={tuple(input_shape)}"
                )
        self.built = True

    def call(self, inputs: Tensor) -> list[Tensor]:
        batch, height, width, channels = ops.shape(inputs)
        rows, columns = self._taps(height, 0), self._taps(width, 1)
        margin = [(size - 1, size - 1) for size in self._pool]
        padded = ops.pad(inputs, ((0, 0), *margin, (0, 0)))
        best = position = None
        for i, (row, row_slice) in enumerate(rows):
            for j, (column, column_slice) in enumerate(columns):
                value = padded[:, row_slice, column_slice]
                place = row[:, None] * width + column[None, :]
                inside = _inside(row, height)[:, None] & _inside(column, width)[None, :]
                place = ops.where(inside, place, -1)[None, :, :, None] + ops.zeros_like(
                    value, dtype="int32"
                )
                if i == j == 0:
                    best, position = value, place
                    continue
                # A place of -1 is padding: nothing is chosen yet, and this must not be either.
                better = (place >= 0) & ((position < 0) | (value > best))
                best = ops.where(better, value, best)
                position = ops.where(better, place, position)
        position = position * channels + ops.arange(channels, dtype="int32")
        if self.include_batch_in_index:
            first = ops.arange(batch, dtype="int32") * (height * width * channels)
            position = position + first[:, None, None, None]
        return [best, position]

    def _taps(self, size: Any, axis: int) -> list[tuple[Tensor, slice]]:
        """For each offset in the window: the positions it falls on, and their slice of the padding.

        The slice is of an image with a margin of one window less one pixel on either side.
        """
        pool, stride = self._pool[axis], self._strides[axis]
        count = self._count(size, axis)
        before = 0
        if self.padding.lower() == "same":
            missing = (count - 1) * stride + pool - size
            before = (max(missing, 0) if isinstance(size, int) else ops.maximum(missing, 0)) // 2
        starts = ops.arange(count, dtype="int32") * stride - before
        found = []
        for offset in range(pool):
            first = pool - 1 - before + offset
            found.append((starts + offset, slice(first, first + (count - 1) * stride + 1, stride)))
        return found

    def _count(self, size: Any, axis: int) -> Any:
        pool, stride = self._pool[axis], self._strides[axis]
        same = self.padding.lower() == "same"
        return -(-size // stride) if same else (size - pool) // stride + 1

    def compute_output_shape(self, input_shape: Shape) -> Any:
        sizes = [
            None if size is None else self._count(size, axis)
            for axis, size in enumerate(input_shape[1:3])
        ]
        shape = (input_shape[0], *sizes, input_shape[3])
        return [shape, shape]

    def compute_output_spec(self, inputs: Any) -> Any:
        shape, _ = self.compute_output_shape(inputs.shape)
        return [
            keras.KerasTensor(shape, dtype=self.compute_dtype),
            keras.KerasTensor(shape, dtype="int32"),
        ]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "include_batch_in_index": self.include_batch_in_index,
        }


def _inside(place: Tensor, size: Any) -> Tensor:
    return (place >= 0) & (place < size)

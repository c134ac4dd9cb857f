"""Max pooling that tells where the largest values were."""

from typing import Any

import keras
import numpy as np
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
    The values are those of `keras.ops.max_pool`, which on a CPU may pass over NaN, and gives the
    lowest finite number for a window of -inf alone; the position is that of its first pixel then.
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
        padding = self.padding.lower()
        values = ops.max_pool(
            inputs, self._pool, self._strides, padding, data_format="channels_last"
        )
        rows, columns = self._starts(inputs)
        largest = ops.stop_gradient(values)
        offsets = self._offsets(ops.stop_gradient(inputs), largest, rows, columns)
        if all(pool <= stride for pool, stride in zip(self._pool, self._strides, strict=True)):
            values = self._with_gradient(inputs, largest, offsets)
        batch, height, width, channels = ops.shape(inputs)
        start = (rows * width + columns) * channels + ops.arange(channels, dtype="int32")
        if self.include_batch_in_index:
            first = ops.arange(batch, dtype="int32") * (height * width * channels)
            start = start + first[:, None, None, None]
        return [values, start + offsets]

    def _starts(self, x: Tensor) -> list[Tensor]:
        """First row of each window, `(new_height, 1, 1)`, and first column, `(new_width, 1)`."""
        starts = []
        for axis, size in enumerate(ops.shape(x)[1:3]):
            start = ops.arange(self._count(size, axis), dtype="int32") * self._strides[axis]
            starts.append(start - self._before(size, axis))
        return [starts[0][:, None, None], starts[1][:, None]]

    def _offsets(self, x: Tensor, largest: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Position of the first value that is the largest, less that of its window."""
        _, height, width, channels = ops.shape(x)
        _, new_height, new_width, _ = ops.shape(largest)
        # Where nothing equals the largest, which NaN and -inf alone can do, the first pixel stands.
        first = (ops.maximum(-rows, 0) * width + ops.maximum(-columns, 0)) * channels
        offsets = first + ops.zeros_like(largest, dtype="int32")
        x = self._in_steps(x)
        # From the last to the first, so that the first of equal values stays.
        for i, j in reversed(list(np.ndindex(*self._pool))):
            (down, row), (right, column) = divmod(i, self._strides[0]), divmod(j, self._strides[1])
            tap = x[:, down : down + new_height, row, right : right + new_width, column]
            found = tap == largest
            if self.padding.lower() == "same":
                found = found & _inside(rows + i, height) & _inside(columns + j, width)
            offsets = ops.where(found, (i * width + j) * channels, offsets)
        return offsets

    def _with_gradient(self, inputs: Tensor, values: Tensor, offsets: Tensor) -> Tensor:
        """The values of windows that do not overlap: each pixel asks the one that it is in.

        TensorFlow's gradient of pooling looks for the largest value once more.
        """
        _, height, width, channels = ops.shape(inputs)
        i, j = (np.arange(stride)[:, None] for stride in self._strides)
        taps = (i[:, :, None, None] * width + j) * channels  # (stride, 1, stride, 1)

        def spread(x: Tensor) -> Tensor:
            return x[:, :, None, :, None]

        @ops.custom_gradient
        def pooled(x: Tensor) -> tuple[Tensor, Any]:
            def gradient(upstream: Tensor) -> Tensor:
                chosen = ops.where(spread(offsets) == taps, spread(upstream), 0)
                return self._from_steps(chosen, height, width)

            return values, gradient

        return pooled(inputs)

    def _from_steps(self, x: Tensor, height: Any, width: Any) -> Tensor:
        """The image of such steps, without its padding, and with zeros where no step was."""
        batch, rows, row, columns, column, channels = ops.shape(x)
        x = ops.reshape(x, (batch, rows * row, columns * column, channels))
        top, left = self._before(height, 0), self._before(width, 1)
        x = x[:, top : top + height, left : left + width]
        missing = [_at_least_zero(top + height - rows * row)]
        missing.append(_at_least_zero(left + width - columns * column))
        return ops.pad(x, ((0, 0), *((0, m) for m in missing), (0, 0)))

    def _in_steps(self, x: Tensor) -> Tensor:
        """`(batch, steps, stride, steps, stride, channels)`: TensorFlow is slow to slice by a step.

        Of the padded image, and of so many steps that each tap of a window is one slice.
        """
        batch, *sizes, channels = ops.shape(x)
        margins, ends, shape = [], [], []
        for axis, size in enumerate(sizes):
            pool, stride, before = self._pool[axis], self._strides[axis], self._before(size, axis)
            steps = self._count(size, axis) + (pool - 1) // stride
            margins.append((before, _at_least_zero(steps * stride - before - size)))
            ends.append(steps * stride)
            shape += [steps, stride]
        x = ops.pad(x, ((0, 0), *margins, (0, 0)))[:, : ends[0], : ends[1]]
        return ops.reshape(x, (batch, *shape, channels))

    def _before(self, size: Any, axis: int) -> Any:
        """Rows or columns of padding before the image."""
        if self.padding.lower() == "valid":
            return 0
        missing = (self._count(size, axis) - 1) * self._strides[axis] + self._pool[axis] - size
        return _at_least_zero(missing) // 2

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


def _at_least_zero(size: Any) -> Any:
    return max(size, 0) if isinstance(size, int) else ops.maximum(size, 0)


def _inside(place: Tensor, size: Any) -> Tensor:
    return (place >= 0) & (place < size)

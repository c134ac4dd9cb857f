"""The way back from max pooling."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.images import pair
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, check_shapes, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class MaxUnpooling2D(keras.layers.Layer):
    """Puts pooled values back where they came from; the other pixels are zero.

    It takes the two outputs of `mlkit.layers.MaxPoolingWithArgmax2D` (positions without the batch),
    or values that were computed from the first. Where overlapping windows share a pixel, it
    receives the mean of their values: of unchanged outputs, the pooled value itself.

    Args:
        pool_size: the window of the pooling, an integer ≥ 1 or two of them; default (2, 2).
        strides: its steps, likewise; default (2, 2).
        padding: its padding, `"SAME"` (default) or `"VALID"`, in either case of letters.
        output_size: height and width of the image that was pooled; default None: what follows from
            the other arguments if nothing was cut off, `size * strides` with `"SAME"` and
            `(size - 1) * strides + pool_size` with `"VALID"`. Positions depend on the width: give
            it for images of other sizes.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list of values and positions; the positions may be a second argument instead.

    Input shape:
        List of two of `(batch, height, width, channels)`.

    Output shape:
        `(batch, new_height, new_width, channels)`.

    Raises:
        ValueError: the inputs are not such a list, or have not four axes, or differ in shape.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.array([[1.0, 2.0, 8.0, 5.0], [3.0, 4.0, 7.0, 6.0]]).reshape(1, 2, 4, 1)
        >>> pooled = mk.layers.MaxPoolingWithArgmax2D()(x)
        >>> np.asarray(mk.layers.MaxUnpooling2D()(pooled))[0, :, :, 0].tolist()
        [[0.0, 0.0, 8.0, 0.0], [0.0, 4.0, 0.0, 0.0]]

    Reference:
        Badrinarayanan, Kendall and Cipolla, 2017, SegNet, https://arxiv.org/abs/1511.00561. Differs
        from TensorFlow Addons: windows that overlap are allowed (there their values were added),
        and so are sizes that do not divide, by `output_size`.
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = (2, 2),
        padding: str = "SAME",
        output_size: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._pool = pair("pool_size", pool_size)
        self._strides = pair("strides", strides)
        check_choice("padding", padding, ["SAME", "VALID", "same", "valid"])
        self._output_size = None if output_size is None else pair("output_size", output_size)
        self.pool_size = pool_size
        self.strides = strides
        self.padding = padding
        self.output_size = output_size

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        # TensorFlow Addons' form: layer(values, positions).
        if args:
            inputs, args = [inputs, args[0]], args[1:]
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape: Any) -> None:
        values, positions = check_shapes(self, input_shape, 2)
        check_rank(self, values, 4)
        known_size(self, values, 3)
        if tuple(values) != tuple(positions):
            raise ValueError(
                f"MaxUnpooling2D {self.name!r} expects values and positions of one shape. "
                f"Received: input_shape={input_shape}"
            )
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        values, positions = inputs
        batch, height, width, channels = ops.shape(values)
        rows, columns = self._sizes(height, width)
        count = rows * columns * channels
        flat = ops.reshape(values, (-1,))
        places = ops.reshape(ops.cast(positions, "int32"), (batch, -1))
        images = ops.broadcast_to(ops.arange(batch, dtype="int32")[:, None], ops.shape(places))
        index = ops.reshape(ops.stack([images, places], axis=-1), (-1, 2))
        image = ops.scatter(index, flat, (batch, count))
        if any(p > s for p, s in zip(self._pool, self._strides, strict=True)):
            times = ops.scatter(index, ops.ones_like(flat), (batch, count))
            image = image / ops.maximum(times, 1)
        return ops.reshape(image, (batch, rows, columns, channels))

    def _sizes(self, height: Any, width: Any) -> list[Any]:
        if self._output_size is not None:
            return list(self._output_size)
        same = self.padding.upper() == "SAME"
        return [
            None if size is None else size * stride if same else (size - 1) * stride + pool
            for size, stride, pool in zip((height, width), self._strides, self._pool, strict=True)
        ]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, height, width, channels = input_shape[0]
        return (batch, *self._sizes(height, width), channels)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "output_size": self.output_size,
        }

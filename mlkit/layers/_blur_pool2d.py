"""Downsampling without aliases."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.images import (
    from_last,
    image_format,
    pair,
    shape_from_last,
    shape_to_last,
    to_last,
)
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class BlurPool2D(keras.layers.Layer):
    """Blurs by a binomial filter, then keeps every `strides`-th pixel.

    The filter is the outer product of the binomial coefficients of `kernel_size - 1`, divided by
    their sum: [1, 2, 1] / 4 for 3. A network that downsamples so keeps its output when the image
    moves by a pixel: put it in place of strided convolutions and poolings, as
    `MaxPooling2D(2, strides=1)` or `Conv2D(strides=1)` followed by `BlurPool2D()`.

    Args:
        kernel_size: rows and columns of the filter, an integer ≥ 1; default 3.
        strides: an integer ≥ 1 or two of them; default 2.
        padding: how the border goes on: `"reflect"` (default), `"symmetric"` or `"constant"`
            (zeros).
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        `(batch, new_height, new_width, channels)`, or with the channels first. A new size is
        `(size + 2 * p - kernel_size) // strides + 1` with `p = (strides + kernel_size - 2) // 2`.

    Raises:
        ValueError: the inputs have not four axes, their channels are unknown, or an image is too
            small to be reflected.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.zeros((1, 5, 5, 1), "float32")
        >>> x[0, 2, 2] = 16.0
        >>> np.asarray(mk.layers.BlurPool2D()(x))[0, :, :, 0].tolist()
        [[0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]]

    Reference:
        Zhang, 2019, Making Convolutional Networks Shift-Invariant Again,
        https://arxiv.org/abs/1904.11486. Padding and phase are those of timm's `BlurPool2d`.
    """

    def __init__(
        self,
        kernel_size: int = 3,
        strides: Any = 2,
        padding: str = "reflect",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("kernel_size", kernel_size, low=1)
        self._strides = pair("strides", strides)
        check_choice("padding", padding, ["reflect", "symmetric", "constant"])
        self._format = image_format(data_format)
        self._margins = [(stride + kernel_size - 2) // 2 for stride in self._strides]
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        known_size(self, input_shape, 3 if self._format == "channels_last" else 1)
        sizes = shape_to_last(input_shape, self._format)[1:3]
        for size, margin in zip(sizes, self._margins, strict=True):
            least = {"reflect": margin + 1, "symmetric": margin, "constant": 1}[self.padding]
            if size is not None and size < least:
                raise ValueError(
                    f"BlurPool2D {self.name!r} cannot continue images of less than {least} pixels "
                    f"by padding={self.padding!r}. Received: input_shape={tuple(input_shape)}"
                )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self._format)
        row, column = self._margins
        x = ops.pad(x, ((0, 0), (row, row), (column, column), (0, 0)), mode=self.padding)
        line = np.poly1d([0.5, 0.5]) ** (self.kernel_size - 1)
        taps = np.atleast_1d(line.coeffs) if self.kernel_size > 1 else np.ones(1)
        channels = inputs.shape[3 if self._format == "channels_last" else 1]
        kernel = np.tile(np.outer(taps, taps)[:, :, None, None], (1, 1, channels, 1))
        kernel = ops.convert_to_tensor(kernel, dtype=x.dtype)
        rows, columns = self._strides
        # TensorFlow's depthwise kernels take one stride for both axes.
        step = rows if rows == columns else 1
        x = ops.depthwise_conv(x, kernel, step, "valid", data_format="channels_last")
        x = x if rows == columns else x[:, ::rows, ::columns]
        return from_last(x, self._format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = shape_to_last(input_shape, self._format)
        sizes = []
        for size, stride, margin in zip((height, width), self._strides, self._margins, strict=True):
            sizes.append(
                None if size is None else (size + 2 * margin - self.kernel_size) // stride + 1
            )
        return shape_from_last((batch, *sizes, channels), self._format)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }

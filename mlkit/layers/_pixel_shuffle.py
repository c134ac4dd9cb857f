"""Channels to pixels."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.images import (
    check_divisible,
    from_last,
    image_format,
    shape_from_last,
    shape_to_last,
    to_last,
)
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank
from mlkit._core.types import Config, Shape, Tensor


@register
class PixelShuffle(keras.layers.Layer):
    """Turns groups of `factor²` channels into blocks of `factor` by `factor` pixels.

        y[b, r * i + p, r * j + q, c] = x[b, i, j, c * r² + p * r + q],        r = factor

    After a convolution it makes a sub-pixel convolution: upsampling whose cost is paid at the low
    resolution. `mlkit.initializers.ICNR` starts it without a checkerboard.

    Args:
        factor: block size r, an integer ≥ 1.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height, width, channels * factor²)`, or
        `(batch, channels * factor², height, width)` with `"channels_first"`.

    Output shape:
        `(batch, height * factor, width * factor, channels)`, or
        `(batch, channels, height * factor, width * factor)`.

    Raises:
        ValueError: the inputs have not four axes, or the channels are no multiple of `factor²`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.PixelShuffle(2)(np.array([[[[1.0, 2.0, 3.0, 4.0]]]]))
        >>> np.asarray(y)[0, :, :, 0].tolist()
        [[1.0, 2.0], [3.0, 4.0]]

    Reference:
        Shi et al., 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient
        Sub-Pixel Convolutional Neural Network, https://arxiv.org/abs/1609.05158. The order of the
        channels is that of `torch.nn.PixelShuffle`. Differs from `keras.ops.depth_to_space`, where
        channel c of pixel (p, q) is at (p * r + q) * channels + c.
    """

    def __init__(self, factor: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("factor", factor, low=1)
        self._format = image_format(data_format)
        self.factor = factor
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        axis = 3 if self._format == "channels_last" else 1
        check_divisible(self, input_shape, axis, self.factor**2, "`factor`²")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        r = self.factor
        x = to_last(inputs, self._format)
        batch, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (batch, height, width, channels // r**2, r, r))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3))  # (b, h, r, w, r, c)
        x = ops.reshape(x, (batch, height * r, width * r, channels // r**2))
        return from_last(x, self._format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = shape_to_last(input_shape, self._format)
        height = None if height is None else height * self.factor
        width = None if width is None else width * self.factor
        channels = None if channels is None else channels // self.factor**2
        return shape_from_last((batch, height, width, channels), self._format)

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}

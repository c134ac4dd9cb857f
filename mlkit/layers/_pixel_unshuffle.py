"""Pixels to channels."""

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
class PixelUnshuffle(keras.layers.Layer):
    """Turns blocks of `factor` by `factor` pixels into `factor²` channels.

        y[b, i, j, c * r² + p * r + q] = x[b, r * i + p, r * j + q, c],        r = factor

    The inverse of `mlkit.layers.PixelShuffle`: downsampling that loses nothing.

    Args:
        factor: block size r, an integer ≥ 1.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height * factor, width * factor, channels)`, or
        `(batch, channels, height * factor, width * factor)` with `"channels_first"`.

    Output shape:
        `(batch, height, width, channels * factor²)`, or
        `(batch, channels * factor², height, width)`.

    Raises:
        ValueError: the inputs have not four axes, or height or width are no multiple of `factor`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.PixelUnshuffle(2)(np.arange(4.0).reshape(1, 2, 2, 1))
        >>> np.asarray(y).tolist()
        [[[[0.0, 1.0, 2.0, 3.0]]]]

    Reference:
        Shi et al., 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient
        Sub-Pixel Convolutional Neural Network, https://arxiv.org/abs/1609.05158. The order of the
        channels is that of `torch.nn.PixelUnshuffle`. Differs from `keras.ops.space_to_depth`,
        where channel c of pixel (p, q) goes to (p * r + q) * channels + c.
    """

    def __init__(self, factor: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("factor", factor, low=1)
        self._format = image_format(data_format)
        self.factor = factor
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        first = 1 if self._format == "channels_last" else 2
        for axis in (first, first + 1):
            check_divisible(self, input_shape, axis, self.factor, "`factor`")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        r = self.factor
        x = to_last(inputs, self._format)
        batch, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (batch, height // r, r, width // r, r, channels))
        x = ops.transpose(x, (0, 1, 3, 5, 2, 4))  # (b, h, w, c, r, r)
        x = ops.reshape(x, (batch, height // r, width // r, channels * r**2))
        return from_last(x, self._format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = shape_to_last(input_shape, self._format)
        height = None if height is None else height // self.factor
        width = None if width is None else width // self.factor
        channels = None if channels is None else channels * self.factor**2
        return shape_from_last((batch, height, width, channels), self._format)

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}

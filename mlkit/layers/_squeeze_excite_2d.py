"""SqueezeExcite2D: channels weighted by what is in the whole image."""

from typing import Any

import keras
from keras import activations, ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class SqueezeExcite2D(keras.layers.Layer):
    """Channel attention: each channel scaled by a gate from the global averages.

    `y = x * gate(W2 · act(W1 · mean(x) + b1) + b2)`, the mean over height and width. Put it after
    the last convolution of a block, before the addition of the shortcut.

    The mean is computed in float32 or better. There is no masking of images.

    Args:
        ratio: hidden channels as a fraction of the channels, in (0, 1]. Default 1/16.
        divisor: the hidden channels are rounded to the nearest multiple of it (and to it at
            least), ≥ 1. Default 8.
        squeeze_channels: number of the hidden channels in place of `ratio` and `divisor`, or None.
            Default None.
        activation: of the hidden channels. Default `"relu"`.
        gate_activation: of the gate: `"sigmoid"` or `"hard_sigmoid"` (MobileNetV3), say.
            Default `"sigmoid"`.
        data_format: `"channels_last"`, `"channels_first"` or None for Keras' setting.
            Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: feature maps.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: an argument out of its range; at build, not four axes or an unknown number of
            channels.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.SqueezeExcite2D(ratio=0.25)
        >>> layer(np.ones((2, 7, 7, 64), "float32")).shape, layer.squeeze.units
        (TensorShape([2, 7, 7, 64]), 16)

    Reference:
        Hu et al., 2018, "Squeeze-and-Excitation Networks", https://arxiv.org/abs/1709.01507.
    """

    def __init__(
        self,
        ratio: float = 1 / 16,
        divisor: int = 8,
        squeeze_channels: int | None = None,
        activation: Any = "relu",
        gate_activation: Any = "sigmoid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("ratio", ratio, low=0, high=1, open_low=True)
        check_integer("divisor", divisor, low=1)
        if squeeze_channels is not None:
            check_integer("squeeze_channels", squeeze_channels, low=1)
        check_choice("data_format", data_format, (None, "channels_last", "channels_first"))
        self.ratio = ratio
        self.divisor = divisor
        self.squeeze_channels = squeeze_channels
        self.activation = activations.get(activation)
        self.gate_activation = activations.get(gate_activation)
        self.data_format = data_format or keras.config.image_data_format()
        self._axis = -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        channels = known_size(self, input_shape, self._axis, "data_format")
        hidden = self.squeeze_channels
        if hidden is None:
            wished = channels * self.ratio
            hidden = int(wished + self.divisor / 2) // self.divisor * self.divisor
            hidden = max(hidden, self.divisor)
        self.squeeze = keras.layers.Dense(
            hidden, activation=self.activation, dtype=self.dtype_policy, name="squeeze"
        )
        self.excite = keras.layers.Dense(
            channels, activation=self.gate_activation, dtype=self.dtype_policy, name="excite"
        )
        self.squeeze.build((None, channels))
        self.excite.build((None, hidden))
        self.input_spec = keras.InputSpec(ndim=4, axes={self._axis: channels})
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        axes = (1, 2) if self._axis == -1 else (2, 3)
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        means = ops.mean(ops.cast(inputs, dtype), axis=axes)
        gate = self.excite(self.squeeze(ops.cast(means, self.compute_dtype)))
        return inputs * ops.expand_dims(gate, axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "divisor": self.divisor,
            "squeeze_channels": self.squeeze_channels,
            "activation": activations.serialize(self.activation),
            "gate_activation": activations.serialize(self.gate_activation),
            "data_format": self.data_format,
        }

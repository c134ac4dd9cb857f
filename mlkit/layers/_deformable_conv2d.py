"""A convolution that learns where to look."""

from typing import Any

import keras
from keras import activations, constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_choice, check_integer
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
from mlkit.ops._deform_conv2d import deform_conv2d


@register
class DeformableConv2D(keras.layers.Layer):
    """Convolution whose taps move by offsets that a second convolution computes.

    See `mlkit.ops.deform_conv2d`. The second convolution sees the same inputs, has the same
    geometry and starts at zero, so that at first this is a plain convolution; with `modulated`
    (version 2) it also makes a factor for each tap, sigmoid of its output, which starts at 1/2. The
    receptive field then takes the shape of what is seen. Positions are computed in float32.

    Args:
        filters: channels of the output, an integer ≥ 1.
        kernel_size: rows and columns, an integer ≥ 1 or two of them; default 3.
        strides: likewise; default 1.
        padding: `"valid"` (default) or `"same"`.
        dilation_rate: likewise, distance of the taps; default 1.
        groups: of the convolution, an integer ≥ 1 that divides channels and filters; default 1.
        offset_groups: groups of input channels that move by themselves, an integer ≥ 1 that divides
            the channels; default 1.
        modulated: version 2 (True, default) or version 1 (False).
        activation: as for `keras.layers.Conv2D`; default None.
        use_bias: whether there is a bias; default True.
        kernel_initializer: default `"glorot_uniform"`.
        bias_initializer: default `"zeros"`.
        kernel_regularizer: default None.
        bias_regularizer: default None.
        kernel_constraint: default None.
        bias_constraint: default None.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        That of `keras.layers.Conv2D` with the same arguments.

    Raises:
        ValueError: the inputs have not four axes, or groups do not divide channels or filters.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.DeformableConv2D(8, 3, padding="same")
        >>> layer(np.ones((2, 10, 12, 4), "float32")).shape
        TensorShape([2, 10, 12, 8])

    Reference:
        Dai et al., 2017, Deformable Convolutional Networks, https://arxiv.org/abs/1703.06211; Zhu
        et al., 2019, Deformable ConvNets v2, https://arxiv.org/abs/1811.11168.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any = 3,
        strides: Any = 1,
        padding: str = "valid",
        dilation_rate: Any = 1,
        groups: int = 1,
        offset_groups: int = 1,
        modulated: bool = True,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("filters", filters, low=1)
        self._size = pair("kernel_size", kernel_size)
        self._strides = pair("strides", strides)
        check_choice("padding", padding, ["valid", "same"])
        self._dilation = pair("dilation_rate", dilation_rate)
        check_integer("groups", groups, low=1)
        check_integer("offset_groups", offset_groups, low=1)
        check_bool("modulated", modulated)
        check_bool("use_bias", use_bias)
        self._format = image_format(data_format)
        if filters % groups:
            raise ValueError(
                f"`groups` must divide `filters`. Received: groups={groups}, filters={filters}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.dilation_rate = dilation_rate
        self.groups = groups
        self.offset_groups = offset_groups
        self.modulated = modulated
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        channels = known_size(self, input_shape, 3 if self._format == "channels_last" else 1)
        for name, count in (("groups", self.groups), ("offset_groups", self.offset_groups)):
            if channels % count:
                raise ValueError(
                    f"DeformableConv2D {self.name!r}: `{name}`={count} must divide the channels. "
                    f"Received: input_shape={tuple(input_shape)}"
                )
        taps = self._size[0] * self._size[1]
        moves = self.offset_groups * taps * (3 if self.modulated else 2)
        self.kernel = self.add_weight(
            shape=(*self._size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.offset_kernel = self.add_weight(
            shape=(*self._size, channels, moves), initializer="zeros", name="offset_kernel"
        )
        self.offset_bias = self.add_weight(shape=(moves,), initializer="zeros", name="offset_bias")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self._format)
        moves = self._convolve(x) + self.offset_bias
        count = 2 * self.offset_groups * self._size[0] * self._size[1]
        mask = ops.sigmoid(moves[..., count:]) if self.modulated else None
        geometry = (self._strides, self.padding, self._dilation)
        y = deform_conv2d(x, moves[..., :count], self.kernel, mask, *geometry)
        y = y + self.bias if self.use_bias else y
        return from_last(self.activation(y), self._format)

    def _convolve(self, x: Tensor) -> Tensor:
        if max(self._strides) > 1 and max(self._dilation) > 1:
            # Keras' convolution refuses both at once.
            batch, *sizes, _ = ops.shape(x)
            taps = self._size[0] * self._size[1]
            fixed = ops.zeros((batch, *self._sizes(sizes), 2 * taps), x.dtype)
            geometry = (self._strides, self.padding, self._dilation)
            return deform_conv2d(x, fixed, self.offset_kernel, None, *geometry)
        return ops.conv(
            x,
            self.offset_kernel,
            self._strides,
            self.padding,
            data_format="channels_last",
            dilation_rate=self._dilation,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes, _ = shape_to_last(input_shape, self._format)
        return shape_from_last((batch, *self._sizes(sizes), self.filters), self._format)

    def _sizes(self, sizes: Any) -> list[Any]:
        """Height and width of the outputs."""
        result = []
        for size, kernel, stride, rate in zip(
            sizes, self._size, self._strides, self._dilation, strict=True
        ):
            reach = 1 if self.padding == "same" else rate * (kernel - 1) + 1
            result.append(None if size is None else (size - reach) // stride + 1)
        return result

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "offset_groups": self.offset_groups,
            "modulated": self.modulated,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "data_format": self.data_format,
        }

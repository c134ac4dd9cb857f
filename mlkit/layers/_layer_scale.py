"""LayerScale: a learnt factor for each channel of a residual branch."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class LayerScale(keras.layers.Layer):
    """Multiplication of each channel by a learnt factor that begins near zero.

    `y[..., c] = gamma[c] * x[..., c]`. At the end of each residual branch it lets a deep
    transformer begin as almost the identity, which makes it trainable.

    The factor stays in float32 under mixed precision, and the product is made in float32: 1e-5 is
    below the normal numbers of float16. Masks pass unchanged.

    Args:
        init_values: value that each factor begins with, not zero. The paper takes 0.1 for up to
            18 layers, 1e-5 for 24 and 1e-6 for deeper networks. Default 1e-5.
        axis: axis of the channels; 1 for `channels_first`. Default -1.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: the output of a residual branch, of rank ≥ 2.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        `(batch, ..., channels)`, that of the inputs.

    Raises:
        ValueError: `init_values` is zero or not finite; at build, `axis` is the batch or not an
            axis of the inputs, or its size is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.LayerScale(0.1)(np.full((1, 2, 3), 5.0, "float32"))
        >>> np.asarray(y)[0, 0]
        array([0.5, 0.5, 0.5], dtype=float32)

    Reference:
        Touvron et al., 2021, "Going deeper with Image Transformers",
        https://arxiv.org/abs/2103.17239.
    """

    def __init__(self, init_values: float = 1e-5, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_number("init_values", init_values)
        if init_values == 0:
            raise ValueError(
                "`init_values` must not be 0: the branch would begin without a gradient. "
                f"Received: init_values={init_values!r}"
            )
        check_integer("axis", axis)
        self.init_values = init_values
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        channels = known_size(self, input_shape, self.axis)
        self.gamma = self.add_weight(
            shape=(channels,),
            initializer=keras.initializers.Constant(self.init_values),
            autocast=False,
            name="gamma",
        )
        self.input_spec = keras.InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._broadcast = None
        if self.axis % len(input_shape) != len(input_shape) - 1:
            self._broadcast = [1] * len(input_shape)
            self._broadcast[self.axis] = channels
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        gamma = ops.cast(self.gamma, dtype)
        if self._broadcast is not None:
            gamma = ops.reshape(gamma, self._broadcast)
        return ops.cast(ops.cast(inputs, dtype) * gamma, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "init_values": self.init_values, "axis": self.axis}

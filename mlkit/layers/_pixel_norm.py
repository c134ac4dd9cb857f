"""Feature vectors of length √C."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class PixelNorm(keras.layers.Layer):
    """Scales the feature vector of each position to mean square 1.

        y = x / sqrt(mean(x², along axis) + epsilon)

    It has no weights and looks at no other position or example, so it keeps the signal of a
    generator from growing out of bounds without a tie between examples. The mean square is taken
    in float32 at least. Masks pass through.

    Args:
        axis: axis of the channels, not that of the batch. Default -1.
        epsilon: number > 0 that keeps a vector of zeros at zero. Default 1e-8.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor with two axes or more.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: an argument out of its range; at build, `axis` is not one of the inputs.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.PixelNorm()(np.array([[1.0, 7.0]]))
        >>> np.asarray(y).round(3).tolist()
        [[0.20000000298023224, 1.399999976158142]]

    Reference:
        Karras et al., 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196.
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("axis", axis)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.axis = axis
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        known_size(self, input_shape, self.axis)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = wide(inputs)
        square = ops.mean(ops.square(x), axis=self.axis, keepdims=True)
        return ops.cast(x * ops.rsqrt(square + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}

"""Channels that compete by the energy of their maps."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class GlobalResponseNormalization(keras.layers.Layer):
    """Scales each channel by its energy relative to that of the other channels.

        g_c = |x_c|_2 over all positions
        y_c = x_c + gamma_c * x_c * g_c / (mean over c of g_c + epsilon) + beta_c

    gamma and beta start at zero, so that the layer starts as the identity. It keeps the channels of
    masked autoencoders from collapsing into copies of one another.

    A mask of time steps passes, and padded steps take no part in g. Norms are computed in float32.

    Args:
        axis: axis of the channels, an integer other than 0; default -1.
        epsilon: added to the mean energy, a number > 0; default 1e-6.
        gamma_initializer: of gamma; default `"zeros"`.
        beta_initializer: of beta; default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank ≥ 3.
        mask: boolean, `(batch, time)`, True at the steps that count.

    Input shape:
        `(batch, ..., channels)`; the channels may be at another axis.

    Output shape:
        `(batch, ..., channels)`, that of the inputs.

    Raises:
        ValueError: the inputs have less than three axes, or the number of channels is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.GlobalResponseNormalization(gamma_initializer="ones")
        >>> np.round(layer(np.array([[[3.0, 1.0], [4.0, 0.0]]])), 2)
        array([[[ 8.  ,  1.33],
                [10.67,  0.  ]]], dtype=float32)

    Reference:
        Woo et al., 2023, ConvNeXt V2, https://arxiv.org/abs/2301.00808. The gradient of a channel
        of zeros is taken as zero.
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-6,
        gamma_initializer: Any = "zeros",
        beta_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("axis", axis)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.axis = axis
        self.epsilon = epsilon
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_initializer = initializers.get(beta_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3, 8)
        channels = known_size(self, input_shape, self.axis)
        self.gamma = self.add_weight(
            shape=(channels,), initializer=self.gamma_initializer, autocast=False, name="gamma"
        )
        self.beta = self.add_weight(
            shape=(channels,), initializer=self.beta_initializer, autocast=False, name="beta"
        )
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        rank = len(inputs.shape)
        channel = self.axis % rank
        x = wide(inputs)
        square = ops.square(x)
        if mask is not None and channel != 1:
            shape = (*ops.shape(mask), *[1] * (rank - len(mask.shape)))
            square = ops.where(ops.reshape(mask, shape), square, 0.0)
        positions = tuple(axis for axis in range(1, rank) if axis != channel)
        energy = ops.sum(square, axis=positions, keepdims=True)
        # The slope of the root at zero is infinite: a channel of zeros would give NaN.
        some = energy > 0
        norm = ops.where(some, ops.sqrt(ops.where(some, energy, 1.0)), 0.0)
        relative = norm / (ops.mean(norm, axis=channel, keepdims=True) + self.epsilon)
        shape = [1] * rank
        shape[channel] = -1
        gamma, beta = ops.reshape(self.gamma, shape), ops.reshape(self.beta, shape)
        return ops.cast(x * (1 + gamma * relative) + beta, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_initializer": initializers.serialize(self.beta_initializer),
        }

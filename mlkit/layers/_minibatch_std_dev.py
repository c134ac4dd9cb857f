"""How much the examples of a batch differ, as a further channel."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.images import image_format
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class MinibatchStdDev(keras.layers.Layer):
    """Adds channels that say how much the examples of a group differ.

    For each group of examples the standard deviation of every feature over the group, averaged
    over positions and over a share of the channels; the value is the same at all positions of all
    examples of the group. A discriminator sees by it that a generator repeats itself.

    Groups are as in the paper's code: with a batch of N and groups of G, example n is in group
    n mod (N / G). A batch that G does not divide is one group. Statistics are in float32 at least.
    It ties examples together: under a `tf.distribute` strategy those of one replica.

    Args:
        group_size: examples in a group, at least 1; None for the whole batch. Default 4.
        num_features: channels to add, a divisor of the channels. Default 1.
        epsilon: number > 0 under the root: the gradient is finite for equal examples. Default 1e-8.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor with two axes or more.

    Input shape:
        `(batch, ..., channels)`, or `(batch, channels, ...)` with `"channels_first"`.

    Output shape:
        `(batch, ..., channels + num_features)`, or `(batch, channels + num_features, ...)`.

    Raises:
        ValueError: an argument out of its range; at build, channels that are unknown or that
            `num_features` does not divide.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.MinibatchStdDev(group_size=None)
        >>> np.asarray(layer(np.array([[1.0], [3.0]]))).tolist()
        [[1.0, 1.0], [3.0, 1.0]]

    Reference:
        Karras et al., 2018, Progressive Growing of GANs, https://arxiv.org/abs/1710.10196; groups
        as in Karras et al., 2020, https://arxiv.org/abs/1912.04958.
        Differs from their code in taking a batch that cannot be divided as one group.
    """

    def __init__(
        self,
        group_size: int | None = 4,
        num_features: int = 1,
        epsilon: float = 1e-8,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if group_size is not None:
            check_integer("group_size", group_size, low=1)
        check_integer("num_features", num_features, low=1)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self._axis = -1 if image_format(data_format) == "channels_last" else 1
        self.group_size = group_size
        self.num_features = num_features
        self.epsilon = epsilon
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        channels = known_size(self, input_shape, self._axis)
        if channels % self.num_features:
            raise ValueError(
                f"MinibatchStdDev {self.name!r}: `num_features` must divide the channels. "
                f"Received: num_features={self.num_features}, input_shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.moveaxis(wide(inputs), self._axis, -1)
        shape = tuple(ops.shape(x))
        batch, share = shape[0], shape[-1] // self.num_features
        grouped = self._groups(batch)
        # (groups of one share of channels: examples, groups, positions, features, share)
        y = ops.reshape(x, (batch // grouped, grouped, -1, self.num_features, share))
        y = y - ops.mean(y, axis=0, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(y), axis=0) + self.epsilon)
        value = ops.mean(deviation, axis=(1, 3))  # (groups, features)
        value = ops.tile(value, (batch // grouped, 1))  # (batch, features)
        value = ops.reshape(value, (batch, *(1,) * (len(shape) - 2), self.num_features))
        value = ops.broadcast_to(value, (*shape[:-1], self.num_features))
        added = ops.cast(ops.moveaxis(value, -1, self._axis), inputs.dtype)
        return ops.concatenate([inputs, added], axis=self._axis)

    def _groups(self, batch: Any) -> Any:
        """How many groups a batch has."""
        if self.group_size is None:
            return 1
        whole = batch % self.group_size == 0
        if isinstance(batch, int):
            return max(batch // self.group_size, 1) if whole else 1
        return ops.where(whole, ops.maximum(batch // self.group_size, 1), 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        shape[self._axis] += self.num_features
        return tuple(shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "num_features": self.num_features,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }

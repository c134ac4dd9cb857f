"""What the generalised-mean poolings of one and two dimensions share."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_number
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


class GeneralizedMeanPooling(keras.layers.Layer):
    """The generalised mean over all positions; subclasses say over how many axes."""

    positions: int

    def __init__(
        self,
        p: float = 3.0,
        epsilon: float = 1e-6,
        learnable: bool = True,
        keepdims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("p", p, low=0, open_low=True)
        check_number("epsilon", epsilon, low=0, open_low=True)
        check_bool("learnable", learnable)
        check_bool("keepdims", keepdims)
        check_choice("data_format", data_format, (None, "channels_last", "channels_first"))
        self.p = p
        self.epsilon = epsilon
        self.learnable = learnable
        self.keepdims = keepdims
        self.data_format = data_format or keras.config.image_data_format()
        self.supports_masking = True
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.positions))
        self._channel_axis = self.positions + 1 if first == 1 else 1

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, self.positions + 2)
        channels = known_size(self, input_shape, self._channel_axis, "data_format")
        self.input_spec = keras.InputSpec(
            ndim=self.positions + 2, axes={self._channel_axis: channels}
        )
        # Its exponential is p: positive after any step of an optimizer.
        self.log_p = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(float(ops.log(float(self.p)))),
            trainable=self.learnable,
            autocast=False,
            name="log_p",
        )
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        # exp(log-mean-exp(p log x) / p): x ** p itself overflows for a large x or p.
        p = ops.exp(ops.cast(self.log_p, dtype))
        powers = p * ops.log(ops.maximum(ops.cast(inputs, dtype), self.epsilon))
        valid, count = None, ops.prod([ops.shape(inputs)[axis] for axis in self._axes])
        count = ops.cast(count, dtype)
        if mask is not None:
            valid = self._broadcast_mask(mask)
            # A mask of time alone counts for all that is under its steps.
            ones = ops.ones_like(powers)
            count = ops.sum(ops.where(valid, ones, 0), axis=self._axes, keepdims=True)
            powers = ops.where(valid, powers, -1e30)
        total = ops.logsumexp(powers, axis=self._axes, keepdims=True)
        mean = ops.exp((total - ops.log(ops.maximum(count, 1))) / p)
        if valid is not None:
            mean = ops.where(count > 0, mean, 0)
        mean = mean if self.keepdims else ops.squeeze(mean, self._axes)
        return ops.cast(mean, self.compute_dtype)

    def _broadcast_mask(self, mask: Tensor) -> Tensor:
        """The mask of the leading positions, with axes of size 1 for the others and channels."""
        shape = tuple(ops.shape(mask)) + (1,) * (self.positions + 1 - len(mask.shape))
        valid = ops.reshape(ops.cast(mask, "bool"), shape)
        return ops.expand_dims(valid, self._channel_axis)

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        kept = (1 if a in self._axes else n for a, n in enumerate(input_shape))
        if self.keepdims:
            return tuple(kept)
        return (input_shape[0], input_shape[self._channel_axis])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "p": self.p,
            "epsilon": self.epsilon,
            "learnable": self.learnable,
            "keepdims": self.keepdims,
            "data_format": self.data_format,
        }

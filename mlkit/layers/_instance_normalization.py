"""InstanceNormalization: each channel of each sample to mean 0 and variance 1."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.normalization import normalized
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class InstanceNormalization(keras.layers.Layer):
    """Normalisation of each channel of each sample over its positions.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, where mean and (biased) variance are
    taken over all axes but the batch and the channels. Used for style transfer and image
    generation, where the contrast of the single image should not matter, and for small batches.

    Statistics are computed in float32 or better. A mask (of time, or of leading spatial axes)
    restricts them to the valid positions; masked positions give zeros, and the mask is passed on.

    Args:
        axis: axis of the channels; 1 for `channels_first`. Default -1.
        epsilon: added to the variance inside the square root, > 0. Default 1e-3, as in TensorFlow
            Addons; PyTorch has 1e-5.
        center: whether to add `beta`. Default True.
        scale: whether to multiply by `gamma`. Default True; PyTorch's `affine` is False.
        beta_initializer: initializer of `beta`. Default `"zeros"`.
        gamma_initializer: initializer of `gamma`. Default `"ones"`.
        beta_regularizer: regularizer of `beta`, or None. Default None.
        gamma_regularizer: regularizer of `gamma`, or None. Default None.
        beta_constraint: constraint of `beta`, or None. Default None.
        gamma_constraint: constraint of `gamma`, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank ≥ 3.
        mask: booleans, True where valid, of the leading axes of the inputs without the channels:
            `(batch, time)` or `(batch, height, width)`. Default None.

    Input shape:
        `(batch, ..., channels)`, or `(batch, channels, ...)` with `axis=1`.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: `epsilon` is not positive; at build, the inputs have no axis beside batch and
            channels, or the number of channels is unknown; in the call, the mask covers the
            channels.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.array([[[1.0], [3.0]]], "float32")  # (batch, time, channels)
        >>> y = mk.layers.InstanceNormalization(epsilon=1e-9)(x)
        >>> np.asarray(y).ravel()
        array([-1.,  1.], dtype=float32)

    Reference:
        Ulyanov et al., 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization",
        https://arxiv.org/abs/1607.08022. Differs from `keras.layers.GroupNormalization(-1)`, whose
        statistics include masked positions.
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("axis", axis)
        check_number("epsilon", epsilon, low=0, open_low=True)
        check_bool("center", center)
        check_bool("scale", scale)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        check_rank(self, input_shape, 3, 99)
        channels = known_size(self, input_shape, self.axis)
        self.input_spec = keras.InputSpec(ndim=rank, axes={self.axis: channels})
        self._channel_axis = self.axis % rank
        self._along_channels_shape = [1] * rank
        self._along_channels_shape[self.axis] = channels
        self._positions = [a for a in range(1, rank) if a != self._channel_axis]
        self.gamma = self._weight("gamma", channels) if self.scale else None
        self.beta = self._weight("beta", channels) if self.center else None
        self.built = True

    def _weight(self, name: str, channels: int) -> Any:
        return self.add_weight(
            shape=(channels,),
            name=name,
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
            autocast=False,
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        valid = None if mask is None else self._broadcast_mask(mask)
        gamma = self._along_channels(self.gamma, 1, dtype)
        beta = self._along_channels(self.beta, 0, dtype)
        y = normalized(x, gamma, beta, valid, self._positions, self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def _broadcast_mask(self, mask: Tensor) -> Tensor:
        rank = self.input_spec.ndim
        if len(mask.shape) > self._channel_axis:
            raise ValueError(
                f"InstanceNormalization {self.name!r}: a mask is of the leading axes without the "
                f"channels, which are axis {self._channel_axis} here. Put the channels last, or "
                f"pass `mask=None`. Received: mask of shape {tuple(mask.shape)}"
            )
        return ops.reshape(
            ops.cast(mask, "bool"), ops.shape(mask) + (1,) * (rank - len(mask.shape))
        )

    def _along_channels(self, weight: Any, otherwise: float, dtype: str) -> Tensor:
        shape = self._along_channels_shape
        return (
            ops.full(shape, otherwise, dtype)
            if weight is None
            else ops.reshape(ops.cast(weight, dtype), shape)
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }

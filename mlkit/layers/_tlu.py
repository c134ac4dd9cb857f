"""A rectifier with a learned threshold."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class TLU(keras.layers.Layer):
    """Thresholded linear unit.

        y = max(x, tau)        or, affine,        y = max(x, alpha * x + tau)

    with one tau and one alpha for each channel (the last axis), learned. It follows
    `mlkit.layers.FilterResponseNormalization`, which does not centre its outputs, so that zero is
    not the right threshold.

    Masks pass unchanged.

    Args:
        affine: whether there is an alpha; default False.
        tau_initializer: of tau; default `"zeros"`.
        tau_regularizer: of tau; default None.
        tau_constraint: of tau; default None.
        alpha_initializer: of alpha; default `"zeros"`.
        alpha_regularizer: of alpha; default None.
        alpha_constraint: of alpha; default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of any rank ≥ 2.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        `(batch, ..., channels)`, that of the inputs.

    Raises:
        ValueError: the number of channels is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.TLU(tau_initializer="ones")
        >>> np.asarray(layer(np.array([[-2.0, 3.0]]))).tolist()
        [[1.0, 3.0]]

    Reference:
        Singh and Krishnan, 2020, Filter Response Normalization Layer,
        https://arxiv.org/abs/1911.09737. Differs from TensorFlow Addons, which had a threshold for
        each pixel and so a fixed size of images; the paper has one for each channel.
    """

    def __init__(
        self,
        affine: bool = False,
        tau_initializer: Any = "zeros",
        tau_regularizer: Any = None,
        tau_constraint: Any = None,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_bool("affine", affine)
        self.affine = affine
        self.tau_initializer = initializers.get(tau_initializer)
        self.tau_regularizer = regularizers.get(tau_regularizer)
        self.tau_constraint = constraints.get(tau_constraint)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        shape = (known_size(self, input_shape, -1),)
        self.tau = self.add_weight(
            shape=shape,
            initializer=self.tau_initializer,
            regularizer=self.tau_regularizer,
            constraint=self.tau_constraint,
            name="tau",
        )
        if self.affine:
            self.alpha = self.add_weight(
                shape=shape,
                initializer=self.alpha_initializer,
                regularizer=self.alpha_regularizer,
                constraint=self.alpha_constraint,
                name="alpha",
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        other = self.alpha * inputs + self.tau if self.affine else self.tau
        return ops.maximum(inputs, other)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "affine": self.affine,
            "tau_initializer": initializers.serialize(self.tau_initializer),
            "tau_regularizer": regularizers.serialize(self.tau_regularizer),
            "tau_constraint": constraints.serialize(self.tau_constraint),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
        }

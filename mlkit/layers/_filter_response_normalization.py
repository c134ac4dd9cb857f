"""Channels divided by the energy of their maps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class FilterResponseNormalization(keras.layers.Layer):
    """Divides each channel of each sample by the root of its mean square.

        y = gamma * x / sqrt(mean of x² over positions + |epsilon|) + beta

    No mean is subtracted. It depends on no other sample, so that batches of one train as well as
    large ones. `mlkit.layers.TLU` follows it in place of ReLU. Computed in float32.

    Args:
        epsilon: added to the mean square, a number > 0; default 1e-6. The first value of it with
            `learned_epsilon`.
        axis: axes of the positions, a sequence of integers; default (1, 2).
        beta_initializer: of beta; default `"zeros"`.
        gamma_initializer: of gamma; default `"ones"`.
        beta_regularizer: of beta; default None.
        gamma_regularizer: of gamma; default None.
        beta_constraint: of beta; default None.
        gamma_constraint: of gamma; default None.
        learned_epsilon: whether epsilon is trained, as is wanted for maps of one pixel; default
            False.
        learned_epsilon_constraint: of epsilon, if it is trained; default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images.

    Input shape:
        `(batch, height, width, channels)`; other ranks with other axes.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: `axis` names the batch or the channels, or their number is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.FilterResponseNormalization()
        >>> np.round(np.ravel(layer(np.array([1.0, 7.0]).reshape(1, 1, 2, 1))), 4)
        array([0.2, 1.4], dtype=float32)

    Reference:
        Singh and Krishnan, 2020, Filter Response Normalization Layer: Eliminating Batch Dependence
        in the Training of Deep Neural Networks, https://arxiv.org/abs/1911.09737.
    """

    def __init__(
        self,
        epsilon: float = 1e-6,
        axis: Sequence[int] = (1, 2),
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        learned_epsilon: bool = False,
        learned_epsilon_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        for entry in axis:
            check_integer("axis", entry)
        check_bool("learned_epsilon", learned_epsilon)
        self.epsilon = epsilon
        self.axis = axis
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.learned_epsilon = learned_epsilon
        self.learned_epsilon_constraint = constraints.get(learned_epsilon_constraint)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        check_rank(self, input_shape, 3, 8)
        channels = known_size(self, input_shape, -1)
        axes = [axis % rank if -rank <= axis < rank else 0 for axis in self.axis]
        if not axes or 0 in axes or rank - 1 in axes:
            raise ValueError(
                f"FilterResponseNormalization {self.name!r}: `axis` must name axes between the "
                f"batch and the channels. Received: axis={self.axis}, "
                f"input_shape={tuple(input_shape)}"
            )
        for name in ("gamma", "beta"):
            weight = self.add_weight(
                shape=(channels,),
                initializer=getattr(self, f"{name}_initializer"),
                regularizer=getattr(self, f"{name}_regularizer"),
                constraint=getattr(self, f"{name}_constraint"),
                autocast=False,
                name=name,
            )
            setattr(self, name, weight)
        if self.learned_epsilon:
            self.learned = self.add_weight(
                shape=(),
                initializer=initializers.Constant(self.epsilon),
                constraint=self.learned_epsilon_constraint,
                autocast=False,
                name="epsilon",
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = wide(inputs)
        energy = ops.mean(ops.square(x), axis=tuple(self.axis), keepdims=True)
        if self.learned_epsilon:
            # Not below the floor that the paper gives it: the root has no slope at zero.
            energy = energy + ops.maximum(ops.abs(wide(self.learned)), 1e-12)
        else:
            energy = energy + self.epsilon
        y = x * ops.rsqrt(energy) * wide(self.gamma) + wide(self.beta)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "axis": self.axis,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "learned_epsilon": self.learned_epsilon,
            "learned_epsilon_constraint": constraints.serialize(self.learned_epsilon_constraint),
        }

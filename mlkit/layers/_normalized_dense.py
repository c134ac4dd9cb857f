"""Cosines between the inputs and one direction for each class."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class NormalizedDense(keras.layers.Layer):
    """Dense layer of unit inputs and unit kernels: scaled cosines, without a bias.

        y[j] = scale * x . w_j / (|x| |w_j|)

    The last layer of a cosine classifier (few-shot learning, long-tailed classes), and the head of
    the margin losses ArcFace, CosFace and SphereFace, which take the cosines themselves: there
    leave `scale=1`. Norms and products are computed in float32; give `dtype="float32"` under mixed
    precision if the loss takes an arc cosine. A vector of zeros gives zeros.

    A mask of time steps passes.

    Args:
        units: number of directions, an integer ≥ 1.
        scale: factor on the cosines, a number > 0; default 1.0. Softmax cross-entropy wants about
            10 to 64.
        learn_scale: whether the factor is trained, as the exponential of a weight that starts at
            log(scale); default False.
        kernel_initializer: of the kernel `(features, units)`; default `"glorot_uniform"`.
        kernel_regularizer: of the kernel; default None.
        kernel_constraint: of the kernel; default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of any rank ≥ 2.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: the number of features is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.NormalizedDense(2, kernel_initializer="identity")
        >>> np.round(layer(np.array([[3.0, 4.0]])), 4)
        array([[0.6, 0.8]], dtype=float32)

    Reference:
        Gidaris and Komodakis, 2018, Dynamic Few-Shot Visual Learning without Forgetting,
        https://arxiv.org/abs/1804.09458; Deng et al., 2019, ArcFace,
        https://arxiv.org/abs/1801.07698.
    """

    def __init__(
        self,
        units: int,
        scale: float = 1.0,
        learn_scale: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("units", units, low=1)
        check_number("scale", scale, low=0.0, open_low=True)
        check_bool("learn_scale", learn_scale)
        self.units = units
        self.scale = scale
        self.learn_scale = learn_scale
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            shape=(known_size(self, input_shape, -1), self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,
            name="kernel",
        )
        if self.learn_scale:
            self.log_scale = self.add_weight(
                shape=(), initializer=self._first_log_scale, autocast=False, name="log_scale"
            )
        self.built = True

    def _first_log_scale(self, shape: Shape, dtype: Any = None) -> Tensor:
        return ops.log(ops.full(shape, self.scale, dtype=dtype))

    def call(self, inputs: Tensor) -> Tensor:
        cosines = ops.matmul(_unit(wide(inputs), -1), _unit(wide(self.kernel), 0))
        scale = ops.exp(wide(self.log_scale)) if self.learn_scale else self.scale
        return ops.cast(cosines * scale, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "scale": self.scale,
            "learn_scale": self.learn_scale,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }


def _unit(x: Tensor, axis: int) -> Tensor:
    """Vectors of length 1; those of zeros stay, and their gradient is finite."""
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, 1e-24))

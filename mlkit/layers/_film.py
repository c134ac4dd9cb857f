"""Features scaled and shifted by a condition."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, check_shapes, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class FiLM(keras.layers.Layer):
    """Scales and shifts each feature by a linear function of a condition.

        y = (1 + gamma) * x + beta,        [gamma, beta] = condition @ kernel + bias

    with one gamma and one beta for each feature, the same at all positions. Kernel and bias start
    at zero, so that the layer starts as the identity and can be put into a trained network. The
    condition may be a question, a class, a style, a time step of a diffusion.

    The mask of the first input passes.

    Args:
        axis: axis of the features in the first input, an integer other than 0; default -1.
        use_bias: whether there is a bias, without which a condition of zeros changes nothing;
            default True.
        kernel_initializer: of the kernel; default `"zeros"`.
        bias_initializer: of the bias; default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list of two tensors, `[x, condition]`.

    Input shape:
        `[(batch, ..., features, ...), (batch, conditions)]`.

    Output shape:
        `(batch, ..., features, ...)`, that of the first input.

    Raises:
        ValueError: the inputs are not such a list, or a size of features or conditions is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, condition = np.ones((2, 7, 3)), np.ones((2, 5))
        >>> y = mk.layers.FiLM()([x, condition])
        >>> y.shape, bool(np.all(y == x))
        (TensorShape([2, 7, 3]), True)

    Reference:
        Perez et al., 2018, FiLM: Visual Reasoning with a General Conditioning Layer,
        https://arxiv.org/abs/1709.07871. Differs from it: gamma is counted from 1, as the authors
        recommend.
    """

    def __init__(
        self,
        axis: int = -1,
        use_bias: bool = True,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("axis", axis)
        check_bool("use_bias", use_bias)
        self.axis = axis
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape, condition = check_shapes(self, input_shape, 2)
        check_rank(self, condition, 2)
        features = known_size(self, shape, self.axis)
        conditions = known_size(self, condition, -1)
        self.kernel = self.add_weight(
            shape=(conditions, 2 * features), initializer=self.kernel_initializer, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(2 * features,), initializer=self.bias_initializer, name="bias"
            )
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        x, condition = inputs
        modulation = ops.matmul(condition, self.kernel)
        if self.use_bias:
            modulation = modulation + self.bias
        gamma, beta = ops.split(modulation, 2, axis=-1)
        shape = [1] * len(x.shape)
        shape[0], shape[self.axis] = -1, x.shape[self.axis]
        return x * (1 + ops.reshape(gamma, shape)) + ops.reshape(beta, shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Tensor | None:
        return None if previous_mask is None else previous_mask[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }

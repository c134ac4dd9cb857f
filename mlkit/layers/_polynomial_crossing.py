"""Products of features of any degree, one degree a layer."""

from typing import Any

import keras
from keras import initializers, ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import check_shapes, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class PolynomialCrossing(keras.layers.Layer):
    """Cross layer of a deep and cross network.

        y = x0 * (x @ W + diag_scale * x) + bias + x

    where x0 is the input of the first such layer and x the output of the one before. Each layer
    raises the degree of the products of features by one. W is (features, features), or with
    `projection_dim` a product of two thin matrices, cheaper and nearly as good.

    The mask of the first input passes.

    Args:
        projection_dim: inner size of the thin matrices, an integer ≥ 1 and at most half the
            features; default None: a full W.
        diag_scale: added to the diagonal of W, a number ≥ 0, for stability; default 0.
        use_bias: whether there is a bias; default True.
        kernel_initializer: of W or its factors; default `"truncated_normal"`.
        bias_initializer: of the bias; default `"zeros"`.
        kernel_regularizer: of W or its factors; default None.
        bias_regularizer: of the bias; default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list of two tensors, `[x0, x]`.

    Input shape:
        `[(batch, ..., features), (batch, ..., features)]`.

    Output shape:
        `(batch, ..., features)`.

    Raises:
        ValueError: the inputs are not such a list, or `projection_dim` is more than half of the
            features.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> layer = mk.layers.PolynomialCrossing(kernel_initializer="identity")
        >>> x0 = np.array([[2.0, 3.0]])
        >>> np.asarray(layer([x0, x0])).tolist()
        [[6.0, 12.0]]

    Reference:
        Wang et al., 2021, DCN V2: Improved Deep and Cross Network,
        https://arxiv.org/abs/2008.13535.
    """

    def __init__(
        self,
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Any = "truncated_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if projection_dim is not None:
            check_integer("projection_dim", projection_dim, low=1)
        check_number("diag_scale", diag_scale, low=0.0)
        check_bool("use_bias", use_bias)
        self.projection_dim = projection_dim
        self.diag_scale = diag_scale
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape, other = check_shapes(self, input_shape, 2)
        size = known_size(self, shape, -1)
        if other[-1] != size:
            raise ValueError(
                f"PolynomialCrossing {self.name!r} expects two inputs of as many features. "
                f"Received: input_shape={input_shape}"
            )
        inner = self.projection_dim
        if inner is not None and 2 * inner > size:
            raise ValueError(
                f"PolynomialCrossing {self.name!r}: `projection_dim`={inner} must be at most half "
                f"of the features, or a full kernel is cheaper. Received: input_shape={input_shape}"
            )
        names = {"kernel": (size, size)}
        if inner is not None:
            names = {"kernel_u": (size, inner), "kernel_v": (inner, size)}
        drawn: Any = initializers.get(self.kernel_initializer)
        self.kernels = [
            self.add_weight(
                shape=shape,
                initializer=drawn.clone(),
                regularizer=self.kernel_regularizer,
                name=name,
            )
            for name, shape in names.items()
        ]
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(size,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                name="bias",
            )
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        first, x = inputs
        product = x
        for kernel in self.kernels:
            product = ops.matmul(product, kernel)
        product = product + self.diag_scale * x if self.diag_scale else product
        y = first * product + x
        return y + self.bias if self.use_bias else y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Tensor | None:
        return None if previous_mask is None else previous_mask[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "diag_scale": self.diag_scale,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
        }

"""Normalization whose scale and shift are made from a condition."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_choice, check_number
from mlkit._core.normalization import normalized
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, check_shapes, known_size
from mlkit._core.types import Config, Tensor


@register
class AdaptiveNorm(keras.layers.Layer):
    """Normalizes, then scales and shifts by a linear function of a condition.

        y = (1 + gamma) * (x - mean) / sqrt(variance + epsilon) + beta
        [gamma, beta] = condition @ kernel + bias

    Mean and variance are of each sample alone:

    * `normalization="layer"`: over the features, at each position (AdaLN of diffusion
      transformers);
    * `normalization="instance"`: over the positions, for each feature (AdaIN of style transfer and
      style-based generators). With a mask, padded positions take no part, and give zeros.

    With `gate=True` a third set of numbers alpha is made and returned beside y, by which the branch
    that y feeds is to be multiplied: `x + alpha * block(y)`. Kernel and bias start at zero, so that
    such a branch starts as the identity (AdaLN-zero).

    The mask of the first input passes. Statistics are computed in float32.

    Args:
        normalization: `"layer"` (default) or `"instance"`.
        gate: whether alpha is made too; default False.
        epsilon: added to the variance, a number > 0; default 1e-6.
        kernel_initializer: of the kernel; default `"zeros"`.
        bias_initializer: of the bias; default `"zeros"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list of two tensors, `[x, condition]`.
        mask: list of the masks of both; that of x, `(batch, time)`, is used by `"instance"`.

    Input shape:
        `[(batch, ..., features), (batch, conditions)]`.

    Output shape:
        `(batch, ..., features)`; with `gate=True` a list of this and of `(batch, 1, ..., features)`
        for alpha.

    Raises:
        ValueError: the inputs are not such a list, a size of features or conditions is unknown, or
            `"instance"` is given no positions.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, condition = np.ones((2, 7, 3)), np.ones((2, 5))
        >>> y, alpha = mk.layers.AdaptiveNorm(gate=True)([x, condition])
        >>> y.shape, alpha.shape
        (TensorShape([2, 7, 3]), TensorShape([2, 1, 3]))

    Reference:
        Huang and Belongie, 2017, Arbitrary Style Transfer in Real-time with Adaptive Instance
        Normalization, https://arxiv.org/abs/1703.06868; Peebles and Xie, 2023, Scalable Diffusion
        Models with Transformers, https://arxiv.org/abs/2212.09748. Differs from the first: scale
        and shift come from a vector through a linear map, as in StyleGAN, not from an image.
    """

    def __init__(
        self,
        normalization: str = "layer",
        gate: bool = False,
        epsilon: float = 1e-6,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("normalization", normalization, ["layer", "instance"])
        check_bool("gate", gate)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.normalization = normalization
        self.gate = gate
        self.epsilon = epsilon
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape, condition = check_shapes(self, input_shape, 2)
        check_rank(self, condition, 2)
        check_rank(self, shape, 3 if self.normalization == "instance" else 2, 8)
        features = (2 + self.gate) * known_size(self, shape, -1)
        conditions = known_size(self, condition, -1)
        self.kernel = self.add_weight(
            shape=(conditions, features), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(
            shape=(features,), initializer=self.bias_initializer, name="bias"
        )
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, condition = inputs
        modulation = ops.matmul(condition, self.kernel) + self.bias
        shape = (-1, *[1] * (len(x.shape) - 2), x.shape[-1])
        parts = [ops.reshape(p, shape) for p in ops.split(modulation, 2 + self.gate, axis=-1)]
        gamma, beta = (wide(p) for p in parts[:2])
        y = self._normalized(wide(x), 1 + gamma, beta, mask[0] if mask is not None else None)
        y = ops.cast(y, x.dtype)
        return [y, parts[2]] if self.gate else y

    def _normalized(self, x: Tensor, gamma: Tensor, beta: Tensor, mask: Tensor | None) -> Tensor:
        rank = len(x.shape)
        if self.normalization == "layer":
            ones = [1] * rank
            one, zero = ops.ones(ones, x.dtype), ops.zeros(ones, x.dtype)
            return normalized(x, one, zero, None, [rank - 1], self.epsilon) * gamma + beta
        valid = None
        if mask is not None:
            shape = (*ops.shape(mask), *[1] * (rank - len(mask.shape)))
            valid = ops.reshape(ops.cast(mask, "bool"), shape)
        return normalized(x, gamma, beta, valid, list(range(1, rank - 1)), self.epsilon)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        first = None if previous_mask is None else previous_mask[0]
        return [first, None] if self.gate else first

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape[0])
        return [shape, (shape[0], *[1] * (len(shape) - 2), shape[-1])] if self.gate else shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "normalization": self.normalization,
            "gate": self.gate,
            "epsilon": self.epsilon,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }

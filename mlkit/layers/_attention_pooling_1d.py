"""AttentionPooling1D: a sequence to one vector, by attention of a learnt query."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class AttentionPooling1D(keras.layers.Layer):
    """Pooling of a sequence by multi-head attention with one learnt query.

    For each head `a = softmax(q · (x Wk) / sqrt(key_dim))` over time and `(sum a x) Wv + bv`; the
    heads are concatenated and multiplied by Wo, plus bo. In place of an average or a class token
    where some positions matter more than others.

    It is the attention of `keras.layers.MultiHeadAttention` from a query that does not depend on
    the inputs, with the products in another order: keys and values of single positions are never
    made, so that the work does not grow with `num_heads * key_dim` for each position. A bias of the
    keys would cancel in the softmax; there is none.

    The softmax is computed in float32 or better. A mask leaves positions out and is consumed; a
    row without a valid position gives zeros.

    Args:
        num_heads: number of heads, ≥ 1. Default 1.
        key_dim: width of each head, or None for channels / heads. Default None.
        output_dim: width of the outputs, or None for the number of channels. Default None.
        use_bias: whether values and outputs have biases. Default True.
        kernel_initializer: initializer of the matrices. Default `"glorot_uniform"`.
        query_initializer: initializer of the query. Default `"glorot_uniform"`.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: the sequences.
        mask: booleans `(batch, time)`, True where valid. Default None.

    Input shape:
        `(batch, time, channels)`.

    Output shape:
        `(batch, output_dim)`.

    Raises:
        ValueError: a number below 1; at build, not three axes, an unknown number of channels, or
            one that the heads do not divide while `key_dim` is None.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.layers.AttentionPooling1D(num_heads=2)(np.ones((3, 7, 8), "float32")).shape
        TensorShape([3, 8])

    Reference:
        Lee et al., 2019, "Set Transformer" (pooling by multi-head attention),
        https://arxiv.org/abs/1810.00825. Differs in that there is one query, no residual and no
        feed-forward block.
    """

    def __init__(
        self,
        num_heads: int = 1,
        key_dim: int | None = None,
        output_dim: int | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        query_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("num_heads", num_heads, low=1)
        for name, value in (("key_dim", key_dim), ("output_dim", output_dim)):
            if value is not None:
                check_integer(name, value, low=1)
        check_bool("use_bias", use_bias)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.output_dim = output_dim
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.query_initializer = initializers.get(query_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3)
        channels = known_size(self, input_shape, -1, "inputs")
        heads = self.num_heads
        if self.key_dim is None and channels % heads:
            raise ValueError(
                f"AttentionPooling1D {self.name!r}: {heads} heads do not divide {channels} "
                f"channels; give `key_dim`. Received: input_shape={tuple(input_shape)}"
            )
        width = self.key_dim or channels // heads
        outputs = self.output_dim or channels
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: channels})
        self._scale = width**-0.5
        self._heads = (heads, width)
        draw = self.kernel_initializer
        # Matrices are stored as such, so that an initializer sees the fans of a matrix.
        self.query = self.add_weight((heads, width), self.query_initializer, name="query")
        self.key_kernel = self.add_weight((channels, heads * width), _again(draw), name="key")
        self.value_kernel = self.add_weight((channels, heads * width), _again(draw), name="value")
        self.output_kernel = self.add_weight((heads * width, outputs), draw, name="output")
        self.value_bias = self.output_bias = None
        if self.use_bias:
            self.value_bias = self.add_weight((heads * width,), "zeros", name="value_bias")
            self.output_bias = self.add_weight((outputs,), "zeros", name="output_bias")
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        heads, width = self._heads
        if mask is not None:
            valid = ops.cast(mask, "bool")[..., None]
            inputs = ops.where(valid, inputs, 0)  # the padding may hold NaN
        keys = ops.reshape(self.key_kernel, (-1, heads, width))
        direction = ops.einsum("chd,hd->ch", keys, self.query * self._scale)
        scores = ops.cast(ops.matmul(inputs, direction), dtype)  # (batch, time, heads)
        if mask is not None:
            scores = ops.where(valid, scores, -1e30)
        weights = ops.cast(ops.softmax(scores, axis=1), self.compute_dtype)
        pooled = ops.matmul(ops.transpose(weights, (0, 2, 1)), inputs)  # (batch, heads, channels)
        values = ops.reshape(self.value_kernel, (-1, heads, width))
        heads_out = ops.einsum("bhc,chd->bhd", pooled, values)
        flat = ops.reshape(heads_out, (-1, heads * width))
        if self.value_bias is not None:
            flat = flat + self.value_bias
        y = ops.matmul(flat, self.output_kernel)
        if self.output_bias is not None:
            y = y + self.output_bias
        if mask is not None:
            y = ops.where(ops.any(valid, axis=1), y, 0)
        return y

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.output_dim or input_shape[-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "output_dim": self.output_dim,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "query_initializer": initializers.serialize(self.query_initializer),
        }


def _again(initializer: Any) -> Any:
    """The initializer with another seed, where it can be cloned: three matrices, three draws."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer

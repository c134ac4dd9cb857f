"""ChunkedAttention: exact attention in memory that does not grow with the square of the length."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor
from mlkit.ops._chunked_attention import chunked_attention


@register
class ChunkedAttention(keras.layers.Layer):
    """Exact dot-product attention for long inputs, a chunk of queries at a time.

    See `mlkit.ops.chunked_attention`. The layer has no weights: put it between the projections to
    heads and the one after them, in place of `keras.layers.MultiHeadAttention`'s inner attention.

    The mask of the values says which keys are valid, that of the queries gives zeros where it is
    False and is passed on, as in `keras.layers.Attention`.

    Args:
        chunk_size: queries a chunk, ≥ 1: smaller takes less memory, larger less time.
            Default 128.
        is_causal: whether query i sees the keys up to i only. Default False.
        scale: factor of the scores, > 0, or None for `1 / sqrt(features)`. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list `[query, value]` or `[query, value, key]` (the order of
            `keras.layers.Attention`); without a key the value is the key.
        mask: list of booleans `(batch, positions)` or None, in the order of the inputs.
            Default None.
        attention_mask: booleans that broadcast to `(batch, heads, queries, keys)`, True where a
            query sees a key. Default None.

    Input shape:
        `[(batch, queries, heads, features), (batch, keys, key heads, value features),
        (batch, keys, key heads, features)]`; the key heads divide the heads.

    Output shape:
        `(batch, queries, heads, value features)`.

    Raises:
        ValueError: an argument out of its range; at build, not two or three inputs of four axes, or
            heads or features that do not fit.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.ones((2, 300, 4, 8), "float32")
        >>> mk.layers.ChunkedAttention(chunk_size=64, is_causal=True)([x, x]).shape
        TensorShape([2, 300, 4, 8])

    Reference:
        Rabe and Staats, 2021, "Self-attention Does Not Need O(n²) Memory",
        https://arxiv.org/abs/2112.05682.
    """

    def __init__(
        self,
        chunk_size: int = 128,
        is_causal: bool = False,
        scale: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer("chunk_size", chunk_size, low=1)
        check_bool("is_causal", is_causal)
        if scale is not None:
            check_number("scale", scale, low=0, open_low=True)
        self.chunk_size = chunk_size
        self.is_causal = is_causal
        self.scale = scale
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shapes = [tuple(shape) for shape in input_shape]
        fits = len(shapes) in (2, 3) and all(len(shape) == 4 for shape in shapes)
        if fits:
            query, value, key = shapes[0], shapes[1], shapes[-1]
            fits = None not in (*query[2:], *value[2:], *key[2:])
            fits = fits and query[2] % key[2] == 0 and query[3] == key[3] and key[2] == value[2]
        if not fits:
            raise ValueError(
                f"ChunkedAttention {self.name!r} is called on [query, value] or [query, value, "
                "key], each of four axes (batch, positions, heads, features), whose last two are "
                "known; the heads of key and value are the same and divide those of the query, and "
                f"query and key have the same features. Received: input_shape={shapes}"
            )
        self.built = True

    def call(
        self, inputs: list[Tensor], mask: Any = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        query, value, key = inputs[0], inputs[1], inputs[-1]
        masks = list(mask) if mask is not None else [None] * len(inputs)
        seen = None if attention_mask is None else ops.cast(attention_mask, "bool")
        for valid in masks[1:]:  # of the values and of the keys: both are about the same positions
            if valid is not None:
                valid = ops.cast(valid, "bool")[:, None, None, :]
                if seen is not None and len(seen.shape) < 4:
                    seen = ops.reshape(seen, (1,) * (4 - len(seen.shape)) + tuple(ops.shape(seen)))
                seen = valid if seen is None else ops.logical_and(seen, valid)
        y = chunked_attention(query, key, value, seen, self.scale, self.is_causal, self.chunk_size)
        if masks[0] is not None:
            y = ops.where(ops.cast(masks[0], "bool")[:, :, None, None], y, 0)
        return y

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape[0][:3], input_shape[1][3])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "chunk_size": self.chunk_size,
            "is_causal": self.is_causal,
            "scale": self.scale,
        }

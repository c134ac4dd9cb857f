"""Exact attention for long inputs, a chunk of queries at a time."""

from typing import Any

# keras.ops has no loop that collects results beside a sum, or whose rounds run one at a time.
import tensorflow as tf
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor
from mlkit.ops._at_least_float32 import at_least_float32

_FORBIDDEN = -1e30  # finite: the difference of two of them is a number


def chunked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    chunk_size: int = 128,
) -> Tensor:
    """Exact dot-product attention, one chunk of queries at a time.

    `softmax(scale * query · key + mask) · value`, exact, as `keras.ops.dot_product_attention`, in
    memory that grows with `chunk_size * keys` in place of `queries * keys`: the backward pass
    computes the scores again from the normaliser that the forward pass has kept.

    With fewer heads in `key` and `value` than in `query` each is shared by a group of consecutive
    query heads. Computed in float32 or better; a query whose keys are all masked gives zeros.

    Args:
        query: `(batch, queries, heads, features)`.
        key: `(batch, keys, key heads, features)`; the key heads divide the heads.
        value: `(batch, keys, key heads, value features)`.
        mask: booleans, True where a query sees a key, that broadcast to
            `(batch, heads, queries, keys)`; None for all. Default None.
        scale: factor of the scores, or None for `1 / sqrt(features)`. Default None.
        is_causal: whether query i sees the keys up to i only. Default False.
        chunk_size: queries a chunk, ≥ 1. Default 128.

    Returns:
        `(batch, queries, heads, value features)`, the dtype of `query`.

    Raises:
        ValueError: four axes are missing somewhere, or the heads do not divide.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> q, kv = np.ones((1, 6, 4, 8), "float32"), np.ones((1, 6, 2, 8), "float32")
        >>> mk.ops.chunked_attention(q, kv, kv, is_causal=True, chunk_size=4).shape
        TensorShape([1, 6, 4, 8])

    Reference:
        Rabe and Staats, 2021, "Self-attention Does Not Need O(n²) Memory",
        https://arxiv.org/abs/2112.05682. Differs in that keys are not chunked.
    """
    check_integer("chunk_size", chunk_size, low=1)
    tensor: Tensor = ops.convert_to_tensor(query)
    given = tensor.dtype
    # Not the scores alone: in float16 a product of features of 1e4 is infinite before any cast.
    query, key, value = at_least_float32(query, key, value)
    groups, shared = _heads(query, key, value)
    batch, queries, _, features = ops.shape(query)
    size = min(chunk_size, queries) if isinstance(queries, int) else chunk_size
    count = (queries + size - 1) // size
    padded = count * size
    # (chunks, batch, key heads, group * size, features): a group's queries are rows of one product.
    q = ops.pad(query, [(0, 0), (0, padded - queries), (0, 0), (0, 0)])
    q = ops.reshape(q, (batch, count, size, groups, shared, features))
    q = ops.transpose(q, (1, 0, 3, 4, 2, 5))
    q = ops.reshape(q, (count, batch, groups, shared * size, features))
    k, v = (ops.transpose(t, (0, 2, 1, 3)) for t in (key, value))
    sees = _Sees(mask, is_causal, queries, padded, size, (groups, shared))
    scale = features**-0.5 if scale is None else scale
    out = _attend(q * scale, k, v, sees)
    out = ops.reshape(out, (count, batch, groups, shared, size, value.shape[-1]))
    out = ops.transpose(out, (1, 0, 4, 2, 3, 5))
    out = ops.reshape(out, (batch, padded, groups * shared, value.shape[-1]))[:, :queries]
    return ops.cast(out, given)


def _heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[int, int]:
    """Number of key heads, and of query heads that share one."""
    shapes = [tuple(t.shape) for t in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes):
        raise ValueError(
            "chunked_attention takes `query`, `key` and `value` of four axes (batch, positions, "
            f"heads, features). Received: shapes {shapes}"
        )
    heads, groups = query.shape[2], key.shape[2]
    if value.shape[2] != groups or heads % groups or query.shape[3] != key.shape[3]:
        raise ValueError(
            "chunked_attention needs as many heads in `value` as in `key`, a number that divides "
            "the heads of `query`, and as many features in `key` as in `query`. "
            f"Received: shapes {shapes}"
        )
    return groups, heads // groups


class _Sees:
    """Which keys the queries of a chunk see."""

    def __init__(
        self, mask: Any, causal: bool, queries: Any, padded: Any, size: Any, heads: tuple[int, int]
    ) -> None:
        self.causal, self.size = causal, size
        self.groups, self.shared = heads
        self.mask = None
        if mask is not None:
            mask = ops.cast(mask, "bool")
            mask = ops.reshape(mask, (1,) * (4 - len(mask.shape)) + tuple(ops.shape(mask)))
            if mask.shape[2] != 1:
                mask = ops.pad(mask, [(0, 0), (0, 0), (0, padded - queries), (0, 0)])
            self.mask = mask

    def __call__(self, chunk: Tensor, keys: Any) -> Tensor | None:
        """Booleans that broadcast to `(batch, key heads, keys, group, size)`, or None for all."""
        seen = None
        if self.causal:
            rows = chunk * self.size + ops.arange(self.size, dtype="int32")
            seen = (rows >= ops.arange(keys, dtype="int32")[:, None])[None, None, :, None]
        if self.mask is not None:
            part = self.mask
            if part.shape[2] != 1:
                index = chunk * self.size + ops.arange(self.size, dtype="int32")
                part = ops.take(part, index, axis=2)
            if part.shape[1] == 1:
                part = part[:, :, None]
            else:
                batch, _, rows, columns = ops.shape(part)
                part = ops.reshape(part, (batch, self.groups, self.shared, rows, columns))
            part = ops.transpose(part, (0, 1, 4, 2, 3))
            seen = part if seen is None else ops.logical_and(seen, part)
        return seen


def _attend(q: Tensor, k: Tensor, v: Tensor, sees: _Sees) -> Tensor:
    """Chunks of scaled queries on all keys, with its own gradient."""

    def scores(chunk: Tensor, rows: Tensor, k: Tensor) -> tuple[Tensor, Tensor | None]:
        # Keys first: a product of many rows and few columns takes half the time of one of few rows.
        s = tf.matmul(k, rows, transpose_b=True)
        seen = sees(chunk, ops.shape(k)[2])
        if seen is None:
            return s, None
        batch, groups, keys, _ = ops.shape(s)
        s = ops.reshape(s, (batch, groups, keys, sees.shared, sees.size))
        s = ops.where(seen, s, _FORBIDDEN)
        return ops.reshape(s, (batch, groups, keys, sees.shared * sees.size)), seen

    @ops.custom_gradient
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Any:
        def forward(chunk: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            s, seen = scores(chunk, rows, k)
            top = ops.max(s, axis=-2, keepdims=True)
            p = ops.exp(s - top)
            total = ops.sum(p, axis=-2, keepdims=True)
            out = tf.matmul(v, p, transpose_a=True) / total
            norm = top + ops.log(total)
            if seen is not None:
                out = ops.where(top > _FORBIDDEN / 2, out, 0)
                norm = ops.where(top > _FORBIDDEN / 2, norm, -_FORBIDDEN)  # then exp(s - norm) = 0
            return _turned(out), _turned(norm)

        out, norm = _each(forward, q, 2)

        def gradient(*upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return _backward(scores, upstream[0], q, k, v, out, norm)

        return out, gradient

    return attend(q, k, v)


def _backward(
    scores: Any, upstream: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, norm: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to scaled queries, keys and values, the scores computed again."""

    # A column more takes the normaliser off in the product itself: a pass less over the scores.
    k_one, v_one = (ops.concatenate([t, ops.ones_like(t[..., :1])], axis=-1) for t in (k, v))
    # Of the outputs only this is kept while the chunks are made, and of the keys only one form.
    own = ops.sum(upstream * out, axis=-1, keepdims=True)
    depth = ops.shape(q)[-1]

    def body(i: Tensor, dq: tf.TensorArray, dk: Tensor, dv: Tensor) -> tuple:
        s, _ = scores(i, ops.concatenate([q[i], -norm[i]], axis=-1), k_one)
        p = ops.exp(s)
        up = upstream[i]
        dv = dv + ops.matmul(p, up)
        ds = p * tf.matmul(v_one, ops.concatenate([up, -own[i]], axis=-1), transpose_b=True)
        dk = dk + ops.matmul(ds, q[i])
        to_q = tf.matmul(k_one, ds, transpose_a=True)[..., :depth, :]
        return i + 1, dq.write(i, _turned(to_q)), dk, dv

    count = ops.shape(q)[0]
    start = (0, tf.TensorArray(q.dtype, count), ops.zeros_like(k), ops.zeros_like(v))
    _, dq, dk, dv = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
    return dq.stack(), dk, dv


def _turned(x: Tensor) -> Tensor:
    return ops.swapaxes(x, -1, -2)


def _each(function: Any, q: Tensor, results: int) -> list[Tensor]:
    """`function(i, q[i])` for each chunk, one after the other; the results along axis 0."""
    count = ops.shape(q)[0]

    def body(i: Tensor, *arrays: tf.TensorArray) -> tuple:
        made = function(i, q[i])
        return (i + 1, *(a.write(i, m) for a, m in zip(arrays, made, strict=True)))

    start = (0, *(tf.TensorArray(q.dtype, count) for _ in range(results)))
    # Rounds side by side would hold the scores of several chunks.
    done = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
    return [array.stack() for array in done[1:]]

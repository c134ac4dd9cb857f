import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients

import mlkit as mk


def formula(q, k, v, mask=True, causal=False, scale=None):
    """Head by head, query by query; a query that sees nothing gives zeros."""
    batch, queries, heads, features = q.shape
    keys, shared = k.shape[1], heads // k.shape[2]
    mask = np.broadcast_to(mask, (batch, heads, queries, keys))
    scale = features**-0.5 if scale is None else scale
    out = np.zeros((batch, queries, heads, v.shape[-1]))
    for b, i, h in np.ndindex(batch, queries, heads):
        seen = mask[b, h, i] & (np.arange(keys) <= i if causal else True)
        if seen.any():
            s = k[b, seen, h // shared] @ q[b, i, h] * scale
            p = np.exp(s - s.max())
            out[b, i, h] = p / p.sum() @ v[b, seen, h // shared]
    return out


def draw(queries=5, keys=5, heads=2, groups=2, width=3):
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, queries, heads, 4)).astype("float32")
    k = rng.normal(size=(2, keys, groups, 4)).astype("float32")
    v = rng.normal(size=(2, keys, groups, width)).astype("float32")
    return q, k, v, rng


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_value_and_gradients(groups, causal, chunk):
    q, k, v, _ = draw(groups=groups)
    check_gradients(
        lambda *a: mk.ops.chunked_attention(*a, is_causal=causal, chunk_size=chunk, scale=0.7),
        lambda *a: formula(*a, causal=causal, scale=0.7),
        [q, k, v],
    )


@pytest.mark.parametrize(
    "shape", [(2, 2, 5, 7), (1, 1, 5, 7), (2, 1, 1, 7), (5, 7), (2, 2, 5, 1), (2, 5, 7)]
)
def test_masks(shape):
    q, k, v, rng = draw(keys=7, groups=1)
    mask = rng.uniform(size=shape) < 0.6
    mask[..., 0] |= shape != (2, 2, 5, 7)  # there some queries may see nothing
    check_gradients(
        lambda *a: mk.ops.chunked_attention(*a, mask=mask, chunk_size=2),
        lambda *a: formula(*a, mask=mask),
        [q, k, v],
    )


def test_a_query_that_sees_nothing():
    q, k, v, _ = draw()
    mask = np.ones((1, 1, 5, 5), bool)
    mask[:, :, 2] = False
    tensors = [tf.constant(a) for a in (q, k, v)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = mk.ops.chunked_attention(*tensors, mask=mask, chunk_size=2)
    np.testing.assert_array_equal(np.asarray(y)[:, 2], 0)
    gradients = tape.gradient(y, tensors)
    assert all(np.all(np.isfinite(g)) for g in gradients)
    np.testing.assert_array_equal(np.asarray(gradients[0])[:, 2], 0)


@pytest.mark.parametrize("jit", [False, True])
def test_compiled_and_with_unknown_lengths(jit):
    q, k, v, _ = draw(queries=9, keys=9)
    shapes = [tf.TensorSpec((None, None, 2, a.shape[-1])) for a in (q, k, v)]
    run = tf.function(
        lambda q, k, v: mk.ops.chunked_attention(q, k, v, is_causal=True, chunk_size=4),
        input_signature=None if jit else shapes,
        jit_compile=jit,
    )
    expected = formula(*(a.astype("float64") for a in (q, k, v)), causal=True)
    np.testing.assert_allclose(run(q, k, v), expected, atol=1e-5)


def test_half_precision():
    q, k, v, _ = draw()
    halves = [a.astype("float16") for a in (q, k, v)]
    y = mk.ops.chunked_attention(*halves, chunk_size=2)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y, formula(*(a.astype("float64") for a in halves)), atol=3e-3)


def test_arguments():
    q, k, v, _ = draw()
    with pytest.raises(ValueError, match="`chunk_size` must be"):
        mk.ops.chunked_attention(q, k, v, chunk_size=0)
    with pytest.raises(ValueError, match="of four axes"):
        mk.ops.chunked_attention(q[0], k, v)
    with pytest.raises(ValueError, match="as many heads in `value` as in `key`"):
        mk.ops.chunked_attention(q, np.concatenate([k, k[:, :, :1]], 2), v)

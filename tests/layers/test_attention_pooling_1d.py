import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients, randomise

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.AttentionPooling1D,
        kwargs=dict(
            num_heads=2,
            key_dim=3,
            output_dim=5,
            use_bias=False,
            kernel_initializer="he_normal",
            query_initializer="he_normal",
        ),
        input_shape=(2, 6, 4),
        trains=True,
        dynamic_axes=(1,),
    ),
]


def formula(x, query, wk, wv, wo, bv, bo, heads=2):
    """Head by head, keys and values of each position made."""
    d = wk.shape[1] // heads
    parts = []
    for h in range(heads):
        columns = slice(h * d, (h + 1) * d)
        scores = (x @ wk[:, columns]) @ query[h] / np.sqrt(d)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        parts.append(np.einsum("bt,btd->bd", weights, x @ wv[:, columns] + bv[columns]))
    return np.concatenate(parts, 1) @ wo + bo


def test_value_and_gradients():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = mk.layers.AttentionPooling1D(num_heads=2)
    layer.build(x.shape)
    names = ["query", "key", "value", "output", "value_bias", "output_bias"]
    assert [w.name for w in layer.weights] == names
    randomise(layer.weights)
    check_gradients(layer, formula, [x], layer.weights)


def test_mask_and_rows_with_nothing_valid():
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    mask = np.array([[1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [0] * 5], bool)
    layer = mk.layers.AttentionPooling1D(num_heads=2)
    layer.build(x.shape)
    randomise(layer.weights)
    tensor = tf.constant(np.where(mask[..., None], x, np.nan))
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor, mask=mask)
    for row in range(2):
        np.testing.assert_allclose(y[row], layer(x[row : row + 1, mask[row]])[0], atol=1e-5)
    np.testing.assert_array_equal(y[2], np.zeros(4))
    gradients = tape.gradient(y, [tensor, *[w.value for w in layer.weights]])
    assert all(np.all(np.isfinite(g)) for g in gradients)
    np.testing.assert_array_equal(gradients[0][~mask], 0)


def test_the_three_matrices_are_drawn_apart():
    layer = mk.layers.AttentionPooling1D(num_heads=2)
    layer.build((None, None, 8))
    kernels = [w.numpy() for w in (layer.key_kernel, layer.value_kernel, layer.output_kernel)]
    assert np.any(kernels[0] != kernels[1])
    assert np.any(kernels[1] != kernels[2])


def test_large_float16():
    layer = mk.layers.AttentionPooling1D(dtype="mixed_float16")
    layer.build((None, None, 2))
    layer.output_kernel.assign([[0.5, 0], [0, 0.5]])
    layer.value_kernel.assign([[1, 0], [0, 1]])
    y = layer(np.full((1, 100, 2), 1e4, "float16"))
    np.testing.assert_allclose(y, [[5e3, 5e3]], rtol=5e-3)


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`num_heads` must be"):
        mk.layers.AttentionPooling1D(0)
    with pytest.raises(ValueError, match="`key_dim` must be"):
        mk.layers.AttentionPooling1D(2, key_dim=0)
    with pytest.raises(ValueError, match="'pool': 3 heads do not divide 8 channels"):
        mk.layers.AttentionPooling1D(3, name="pool").build((None, None, 8))
    with pytest.raises(ValueError, match="expects inputs with 3 axes"):
        mk.layers.AttentionPooling1D().build((None, 8))

import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.EmbeddingBag,
        kwargs=dict(
            input_dim=9,
            output_dim=4,
            embeddings_initializer="glorot_normal",
            embeddings_regularizer=mk.regularizers.L2(0.01),
            embeddings_constraint=mk.constraints.MaxNorm(2.0),
            mask_zero=True,
            combiner="mean",
        ),
        inputs=lambda rng: rng.integers(0, 9, size=(3, 5)).astype("int32"),
        integer_inputs=True,
        trains=True,
        dynamic_axes=(1,),
    )
]


@pytest.mark.parametrize("combiner", ["sum", "mean"])
@pytest.mark.parametrize("mask_zero", [True, False])
def test_value_and_gradient(combiner, mask_zero):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 6, size=(4, 3, 7))
    indices[0, 0] = 0
    layer = mk.layers.EmbeddingBag(6, 5, mask_zero=mask_zero, combiner=combiner, dtype="float64")
    with tf.GradientTape() as tape:
        y = layer(indices)
        table = layer.embeddings.value
    upstream = rng.normal(size=y.shape)
    slope = tape.gradient(y, table, output_gradients=tf.constant(upstream))
    counts = np.eye(6)[indices].sum(axis=-2)  # how often each index is in each bag
    if mask_zero:
        counts[..., 0] = 0
    if combiner == "mean":
        counts = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    np.testing.assert_allclose(y, counts @ np.asarray(table), atol=1e-6)
    expected = np.einsum("abn,abd->nd", counts, upstream)
    np.testing.assert_allclose(tf.convert_to_tensor(slope), expected, atol=1e-6)


def test_weights():
    rng = np.random.default_rng(0)
    indices, weights = rng.integers(0, 6, size=(4, 3)), rng.normal(size=(4, 3)).astype("float32")
    layer = mk.layers.EmbeddingBag(6, 5)
    y = layer(indices, weights)
    expected = np.einsum("bi,bid->bd", weights, np.asarray(layer.embeddings)[indices])
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_impossible():
    with pytest.raises(ValueError, match="`combiner` must be one of"):
        mk.layers.EmbeddingBag(3, 2, combiner="max")
    with pytest.raises(ValueError, match="takes `weights` with combiner='sum' only"):
        mk.layers.EmbeddingBag(3, 2, combiner="mean")(np.ones((2, 2), int), np.ones((2, 2)))

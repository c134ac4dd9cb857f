import keras
import numpy as np
import pytest

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.ChunkedAttention,
        kwargs=dict(chunk_size=2, is_causal=True, scale=0.3),
        input_shape=[(2, 5, 4, 3), (2, 5, 2, 3)],
        dynamic_axes=(1,),
    ),
]


def draw():
    rng = np.random.default_rng(0)
    query = rng.normal(size=(2, 5, 2, 4)).astype("float32")
    value = rng.normal(size=(2, 6, 2, 3)).astype("float32")
    key = rng.normal(size=(2, 6, 2, 4)).astype("float32")
    return query, value, key


def test_order_of_inputs_and_masks_as_in_keras():
    query, value, key = draw()
    query_mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    value_mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]], bool)
    y = mk.layers.ChunkedAttention(chunk_size=2, scale=1.0)(
        [query, value, key], mask=[query_mask, value_mask, None]
    )
    for head in range(2):
        # Keras' layer has one head and scores without a scale.
        theirs = keras.layers.Attention()(
            [query[:, :, head], value[:, :, head], key[:, :, head]], mask=[query_mask, value_mask]
        )
        np.testing.assert_allclose(np.asarray(y)[:, :, head], theirs, atol=1e-5)


def test_attention_mask_joins_the_masks_of_the_keys():
    query, value, key = draw()
    seen = np.random.default_rng(1).uniform(size=(5, 6)) < 0.7
    valid = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], bool)
    layer = mk.layers.ChunkedAttention()
    both = layer([query, value, key], mask=[None, valid, None], attention_mask=seen)
    one = layer([query, value, key], attention_mask=seen & valid[:, None, None, :])
    np.testing.assert_allclose(both, one, atol=1e-6)


def test_a_row_without_a_valid_key_gives_zeros():
    query, value, key = draw()
    valid = np.zeros((2, 6), bool)
    y = mk.layers.ChunkedAttention()([query, value, key], mask=[None, valid, None])
    np.testing.assert_array_equal(y, np.zeros((2, 5, 2, 3)))


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`chunk_size` must be"):
        mk.layers.ChunkedAttention(0)
    with pytest.raises(ValueError, match="`scale` must be"):
        mk.layers.ChunkedAttention(scale=0.0)
    for shapes in (
        [(None, 5, 2, 4)],
        [(None, 5, 4), (None, 5, 4)],
        [(None, 5, 3, 4), (None, 5, 2, 4)],
        [(None, 5, 2, 4), (None, 5, 2, 3)],
        [(None, 5, 2, None), (None, 5, 2, 4)],
    ):
        with pytest.raises(ValueError, match=r"'long' is called on \[query, value\]"):
            mk.layers.ChunkedAttention(name="long").build(shapes)

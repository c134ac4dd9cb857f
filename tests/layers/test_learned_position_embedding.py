import numpy as np
import pytest
import tensorflow as tf
from numeric import check_gradients

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.LearnedPositionEmbedding,
        kwargs=dict(
            sequence_length=9,
            embeddings_initializer="glorot_normal",
            embeddings_regularizer="l2",
            embeddings_constraint="max_norm",
        ),
        input_shape=(2, 5, 6),
        trains=True,
        dynamic_axes=(1,),
    ),
]


@pytest.mark.parametrize("start", [0, 2, np.int32(2)])
def test_value_and_gradients(start):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = mk.layers.LearnedPositionEmbedding(5)
    layer.build(x.shape)
    check_gradients(
        lambda x: layer(x, start_index=start),
        lambda x, table: x + table[start : start + 3],
        [x],
        [layer.embeddings],
    )


def test_unknown_length():
    layer = mk.layers.LearnedPositionEmbedding(5)
    layer.build((None, None, 2))
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 2))])
    np.testing.assert_allclose(run(tf.zeros((1, 4, 2)))[0], layer.embeddings.numpy()[:4])
    # Longer than the table: the last vector again, on each kind of device.
    np.testing.assert_allclose(run(tf.zeros((1, 6, 2)))[0, 5], layer.embeddings.numpy()[4])


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`sequence_length` must be an integer ≥ 1"):
        mk.layers.LearnedPositionEmbedding(0)
    with pytest.raises(ValueError, match=r"'pos' has 4 positions .*\(None, 5, 2\)"):
        mk.layers.LearnedPositionEmbedding(4, name="pos").build((None, 5, 2))
    layer = mk.layers.LearnedPositionEmbedding(4)
    with pytest.raises(ValueError, match="start_index=2"):
        layer(np.zeros((1, 3, 2), "float32"), start_index=2)

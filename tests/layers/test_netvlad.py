import numpy as np
import pytest
from layers._numeric import agrees
from scipy.special import softmax

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.NetVLAD,
        kwargs=dict(num_clusters=4),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
    )
]


def vlad(x, kernel, bias, cluster_centers):
    shares = softmax(x @ kernel + bias, axis=-1)
    v = np.stack(
        [
            (shares[:, :, k, None] * (x - cluster_centers[:, k])).sum(axis=1)
            for k in range(kernel.shape[1])
        ],
        axis=-1,
    )
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    v = v.reshape(len(v), -1)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def test_value_and_gradients():
    x = np.random.default_rng(0).normal(size=(3, 7, 5))
    agrees(mk.layers.NetVLAD(4, dtype="float64"), [x], vlad)


def test_padding_takes_no_part():
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    layer = mk.layers.NetVLAD(4)
    short = layer(x[:1, :4])
    x[0, 4:] = np.nan
    y = np.asarray(layer(x, mask=np.arange(6) < np.array([[4], [0]])))
    np.testing.assert_allclose(y[:1], short, atol=1e-6)
    np.testing.assert_array_equal(y[1], np.zeros(12))


def test_impossible():
    with pytest.raises(ValueError, match="`num_clusters`"):
        mk.layers.NetVLAD(0)
    with pytest.raises(ValueError, match="expects inputs with 3 axes"):
        mk.layers.NetVLAD(2).build((None, 3))

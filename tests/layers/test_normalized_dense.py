import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.NormalizedDense,
        kwargs=dict(
            units=4,
            scale=8.0,
            learn_scale=True,
            kernel_initializer="he_normal",
            kernel_regularizer=mk.regularizers.L2(0.01),
            kernel_constraint=mk.constraints.MaxNorm(3.0),
        ),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
    )
]


def cosines(x, kernel, log_scale=0.0):
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.exp(log_scale) * x @ (kernel / np.linalg.norm(kernel, axis=0))


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)])
@pytest.mark.parametrize("learn", [True, False])
def test_value_and_gradients(shape, learn):
    x = np.random.default_rng(0).normal(size=shape)
    agrees(mk.layers.NormalizedDense(6, learn_scale=learn, dtype="float64"), [x], cosines)


def test_scale_starts_at_its_value():
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    for learn in (True, False):
        layer = mk.layers.NormalizedDense(2, scale=16.0, learn_scale=learn)
        y = layer(x)
        expected = 16 * cosines(x, np.asarray(layer.kernel))
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e-8, 1e4])
def test_half_precision_of_any_size(size):
    x = np.random.default_rng(0).normal(size=(3, 64)) * size
    layer = mk.layers.NormalizedDense(2, dtype="mixed_float16")
    y = np.asarray(layer(x), "float32")
    assert np.isfinite(y).all()
    if size == 1e4:
        np.testing.assert_allclose(y, cosines(x, np.asarray(layer.kernel)), atol=2e-3)


def test_impossible():
    with pytest.raises(ValueError, match="`scale`"):
        mk.layers.NormalizedDense(3, scale=0.0)
    with pytest.raises(ValueError, match="whose size must be known"):
        mk.layers.NormalizedDense(3).build((None, None))

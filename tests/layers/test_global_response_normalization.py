import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.GlobalResponseNormalization,
        kwargs=dict(
            axis=2, epsilon=1e-4, gamma_initializer="ones", beta_initializer="random_normal"
        ),
        input_shape=(2, 5, 3),
        trains=True,
        dynamic_axes=(1,),
    )
]


def grn(x, gamma, beta, axis=-1, mask=None):
    x = np.moveaxis(x, axis, -1)
    rows = x if mask is None else x * mask[..., None]
    norm = np.sqrt((rows**2).sum(axis=tuple(range(1, x.ndim - 1)), keepdims=True))
    y = x + gamma * x * norm / (norm.mean(axis=-1, keepdims=True) + 1e-6) + beta
    return np.moveaxis(y, -1, axis)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 3, 4, 5)])
def test_value_and_gradients(axis, shape):
    x = np.random.default_rng(0).normal(size=shape)
    layer = mk.layers.GlobalResponseNormalization(axis, dtype="float64")
    agrees(layer, [x], lambda x, gamma, beta: grn(x, gamma, beta, axis))


def test_padding_takes_no_part():
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    mask = np.arange(6) < np.array([[4], [0]])
    layer = mk.layers.GlobalResponseNormalization(gamma_initializer="ones")
    y = np.asarray(layer(x, mask=mask))
    np.testing.assert_allclose(y, grn(x, 1.0, 0.0, mask=mask), rtol=1e-5, atol=1e-5)
    assert np.isfinite(y).all()


def test_large_values_in_half_precision():
    x = np.random.default_rng(0).uniform(0.5, 1, size=(1, 32, 32, 4)) * 1e4
    layer = mk.layers.GlobalResponseNormalization(gamma_initializer="ones", dtype="mixed_float16")
    np.testing.assert_allclose(layer(x), grn(x, 1.0, 0.0), rtol=2e-3)


def test_impossible():
    with pytest.raises(ValueError, match="'grn' expects inputs with 3 to 8 axes"):
        mk.layers.GlobalResponseNormalization(name="grn").build((None, 4))
    with pytest.raises(ValueError, match="`epsilon`"):
        mk.layers.GlobalResponseNormalization(epsilon=0.0)

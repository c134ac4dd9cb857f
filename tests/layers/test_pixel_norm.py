import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.PixelNorm,
        kwargs=dict(axis=2, epsilon=1e-4),
        input_shape=(2, 5, 4),
        dynamic_axes=(1,),
    )
]


@pytest.mark.parametrize("axis", [-1, 1])
def test_value_and_gradient(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer = mk.layers.PixelNorm(axis, dtype="float64")
    agrees(layer, [x], lambda x: x / np.sqrt((x**2).mean(axis, keepdims=True) + 1e-8))


def test_zeros_stay_and_large_halves_are_finite():
    assert not np.any(mk.layers.PixelNorm()(np.zeros((2, 3))))
    y = np.asarray(mk.layers.PixelNorm(dtype="float16")(np.full((1, 4), 6e4, "float16")))
    np.testing.assert_allclose(y, 1.0, rtol=1e-3)


def test_impossible():
    with pytest.raises(ValueError, match="`epsilon` must be a number in"):
        mk.layers.PixelNorm(epsilon=0)
    with pytest.raises(ValueError, match="must name an axis of the inputs other than the batch"):
        mk.layers.PixelNorm(0).build((None, 3))

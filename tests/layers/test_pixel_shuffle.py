import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.PixelShuffle,
        kwargs=dict(factor=2, data_format="channels_first"),
        input_shape=(2, 8, 3, 4),
        dynamic_axes=(2, 3),
    )
]


def shuffled(x, r):
    b, h, w, channels = x.shape
    y = np.zeros((b, h * r, w * r, channels // r**2))
    for c in range(channels // r**2):
        for p in range(r):
            for q in range(r):
                y[:, p::r, q::r, c] = x[..., c * r * r + p * r + q]
    return y


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_value_and_gradient(factor):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2 * factor**2))
    layer = mk.layers.PixelShuffle(factor, dtype="float64")
    agrees(layer, [x], lambda x: shuffled(x, factor))


def test_channels_first():
    x = np.random.default_rng(0).normal(size=(2, 8, 3, 4)).astype("float32")
    y = mk.layers.PixelShuffle(2, data_format="channels_first")(x)
    expected = shuffled(x.transpose(0, 2, 3, 1), 2).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(y, expected)


def test_impossible():
    with pytest.raises(ValueError, match="`factor` must be an integer ≥ 1"):
        mk.layers.PixelShuffle(0)
    with pytest.raises(ValueError, match=r"'up' expects the size of axis 3 to be a multiple.*= 4"):
        mk.layers.PixelShuffle(2, name="up").build((None, 3, 3, 6))
    with pytest.raises(ValueError, match="expects inputs with 4 axes"):
        mk.layers.PixelShuffle(2).build((None, 3, 4))

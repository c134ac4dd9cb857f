import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.PixelUnshuffle,
        kwargs=dict(factor=2, data_format="channels_first"),
        input_shape=(2, 3, 4, 6),
    )
]


def unshuffled(x, r):
    b, h, w, channels = x.shape
    y = np.zeros((b, h // r, w // r, channels * r * r))
    for c in range(channels):
        for p in range(r):
            for q in range(r):
                y[..., c * r * r + p * r + q] = x[:, p::r, q::r, c]
    return y


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_value_and_gradient(factor):
    x = np.random.default_rng(0).normal(size=(2, 3 * factor, 2 * factor, 3))
    layer = mk.layers.PixelUnshuffle(factor, dtype="float64")
    agrees(layer, [x], lambda x: unshuffled(x, factor))


def test_is_the_inverse_of_the_shuffle():
    x = np.random.default_rng(0).normal(size=(2, 6, 9, 3)).astype("float32")
    y = mk.layers.PixelShuffle(3)(mk.layers.PixelUnshuffle(3)(x))
    np.testing.assert_array_equal(y, x)


def test_unknown_sizes():
    inputs = mk.Input((None, None, 2))
    model = mk.Model(inputs, mk.layers.PixelUnshuffle(2)(inputs))
    assert model.output_shape == (None, None, None, 8)
    assert model(np.zeros((1, 4, 6, 2), "float32")).shape == (1, 2, 3, 8)


def test_impossible():
    with pytest.raises(ValueError, match=r"size of axis 2 to be a multiple of `factor` = 2"):
        mk.layers.PixelUnshuffle(2).build((None, 4, 5, 1))
    with pytest.raises(ValueError, match=r"size of axis 2 to be a multiple"):
        mk.layers.PixelUnshuffle(2, data_format="channels_first").build((None, 1, 5, 4))

import numpy as np
import pytest
from layers._numeric import agrees

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.SpatialPyramidPooling2D,
        kwargs=dict(bins=[2, [3, 1]], data_format="channels_first", pooling="max"),
        input_shape=(2, 3, 6, 7),
        dynamic_axes=(2, 3),
    )
]


def pyramid(x, bins, how):
    parts = []
    for n, m in bins:
        for i in range(n):
            for j in range(m):
                rows = slice(i * x.shape[1] // n, -(-(i + 1) * x.shape[1] // n))
                columns = slice(j * x.shape[2] // m, -(-(j + 1) * x.shape[2] // m))
                parts.append(how(x[:, rows, columns], axis=(1, 2)))
    return np.stack(parts, axis=1)


@pytest.mark.parametrize(("pooling", "how"), [("average", np.mean), ("max", np.max)])
@pytest.mark.parametrize("size", [(6, 8), (7, 5), (3, 11)])
def test_value_and_gradient(pooling, how, size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3))
    layer = mk.layers.SpatialPyramidPooling2D([1, (2, 3), 4], pooling=pooling, dtype="float64")
    agrees(layer, [x], lambda x: pyramid(x, [(1, 1), (2, 3), (4, 4)], how))


def test_channels_first():
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 7)).astype("float32")
    y = mk.layers.SpatialPyramidPooling2D([2], data_format="channels_first")(x)
    expected = pyramid(x.transpose(0, 2, 3, 1), [(2, 2)], np.mean).transpose(0, 2, 1)
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_large_values_in_half_precision(pooling):
    layer = mk.layers.SpatialPyramidPooling2D([1, 2], pooling=pooling, dtype="float16")
    y = layer(np.full((1, 64, 64, 2), 1e4, "float16"))
    np.testing.assert_array_equal(y, np.full((1, 5, 2), 1e4))


def test_impossible():
    with pytest.raises(ValueError, match="`bins` must be a sequence"):
        mk.layers.SpatialPyramidPooling2D(3)
    with pytest.raises(ValueError, match="`bins` must be an integer ≥ 1"):
        mk.layers.SpatialPyramidPooling2D([0])
    with pytest.raises(ValueError, match="expects inputs with 4 axes"):
        mk.layers.SpatialPyramidPooling2D([1]).build((None, 3, 4))

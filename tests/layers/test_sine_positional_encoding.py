import math

import numpy as np
import pytest
from numeric import check_gradients

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.SinePositionalEncoding,
        kwargs=dict(max_wavelength=50.0),
        input_shape=(2, 5, 6),
        dynamic_axes=(1,),
    ),
]


def table(positions, features, base=10000.0):
    """Entry by entry, as in the paper."""
    rows = np.zeros((len(positions), features))
    for row, t in enumerate(positions):
        for j in range(features):
            angle = t / base ** (2 * (j // 2) / features)
            rows[row, j] = math.cos(angle) if j % 2 else math.sin(angle)
    return rows


@pytest.mark.parametrize("features", [6, 7, 1])
def test_value_and_gradients(features):
    x = np.random.default_rng(0).normal(size=(2, 5, features)).astype("float32")
    layer = mk.layers.SinePositionalEncoding(max_wavelength=100)
    check_gradients(layer, lambda x: x + table(range(5), features, 100.0), [x])


def test_start_index():
    x = np.zeros((1, 3, 4), "float32")
    layer = mk.layers.SinePositionalEncoding()
    for start in (17, np.int64(17)):
        np.testing.assert_allclose(
            layer(x, start_index=start)[0], table([17, 18, 19], 4), atol=1e-5
        )


def test_axes_before_time_and_half_precision():
    x = np.zeros((2, 3, 2, 4), "float16")
    y = mk.layers.SinePositionalEncoding(dtype="mixed_float16")(x, start_index=3001)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y[1, 2], table([3001, 3002], 4), atol=1e-3)


def test_arguments_and_shapes():
    with pytest.raises(ValueError, match="`max_wavelength` must be"):
        mk.layers.SinePositionalEncoding(1.0)
    with pytest.raises(ValueError, match=r"'sine' expects inputs with 3 .*\(None, 4\)"):
        mk.layers.SinePositionalEncoding(name="sine").build((None, 4))
    with pytest.raises(ValueError, match="must be known"):
        mk.layers.SinePositionalEncoding().build((None, 4, None))

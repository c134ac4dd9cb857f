import numpy as np
import pytest
from layers._numeric import agrees
from scipy.ndimage import correlate1d
from scipy.special import binom

import mlkit as mk
from mlkit.testing import LayerSpec

SPECS = [
    LayerSpec(
        mk.layers.BlurPool2D,
        kwargs=dict(
            kernel_size=4, strides=(1, 3), padding="symmetric", data_format="channels_first"
        ),
        input_shape=(2, 3, 7, 8),
    )
]

MODES = {"reflect": "reflect", "symmetric": "symmetric", "constant": "constant"}


def blurred(x, size, strides, padding):
    taps = binom(size - 1, np.arange(size)) / 2 ** (size - 1)
    for axis, stride in zip((1, 2), strides, strict=True):
        margin = [(0, 0)] * 4
        margin[axis] = ((stride + size - 2) // 2,) * 2
        x = np.pad(x, margin, mode=padding)
        x = correlate1d(x, taps, axis=axis, origin=-((size - 1) // 2) if size % 2 else -(size // 2))
        count = x.shape[axis] - size + 1
        x = np.take(x, np.arange(0, count, stride), axis=axis)
    return x


@pytest.mark.parametrize("padding", ["reflect", "symmetric", "constant"])
@pytest.mark.parametrize(("size", "strides"), [(3, 2), (3, 1), (5, 3), (4, 2), (1, 2), (3, (2, 1))])
def test_value_and_gradient(size, strides, padding):
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3))
    both = strides if isinstance(strides, tuple) else (strides, strides)
    layer = mk.layers.BlurPool2D(size, strides, padding, dtype="float64")
    agrees(layer, [x], lambda x: blurred(x, size, both, padding))


def test_constant_image_stays():
    y = mk.layers.BlurPool2D()(np.full((1, 8, 8, 2), 1e4, "float16"))
    np.testing.assert_array_equal(y, np.full((1, 4, 4, 2), 1e4))


def test_shift_by_a_stride_shifts_the_output_by_a_pixel():
    x = np.random.default_rng(0).normal(size=(1, 32, 32, 1)).astype("float32")
    y = np.asarray(mk.layers.BlurPool2D()(x))
    moved = np.asarray(mk.layers.BlurPool2D()(np.roll(x, 2, axis=2)))
    np.testing.assert_allclose(moved[:, 2:-2, 3:-2], y[:, 2:-2, 2:-3], atol=1e-6)


def test_impossible():
    with pytest.raises(ValueError, match="`padding` must be one of"):
        mk.layers.BlurPool2D(padding="same")
    with pytest.raises(ValueError, match="images of less than 4 pixels"):
        mk.layers.BlurPool2D(7, 1).build((None, 3, 9, 2))

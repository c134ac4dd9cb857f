"""BilinearUpsample: a transposed convolution that interpolates."""

import keras
import numpy as np
import pytest
from keras import ops

from mlkit.initializers import BilinearUpsample
from mlkit.testing import InitializerSpec


def triangle(shape):
    kernel = np.zeros(shape)
    for i in range(shape[0]):
        for j in range(shape[1]):
            weight = 1.0
            for position, k in ((i, shape[0]), (j, shape[1])):
                factor = (k + 1) // 2
                centre = factor - 1 if k % 2 else factor - 0.5
                weight *= 1 - abs(position - centre) / factor
            for c in range(min(shape[2:])):
                kernel[i, j, c, c] = weight
    return kernel


SPECS = [
    InitializerSpec(BilinearUpsample, shape=(4, 5, 2, 3), reference=triangle, stochastic=False)
]


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_equals_bilinear_resizing_inside(stride):
    x = np.random.default_rng(0).normal(size=(1, 7, 8, 2)).astype("float32")
    layer = keras.layers.Conv2DTranspose(
        2,
        2 * stride - stride % 2,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=BilinearUpsample(),
    )
    resized = ops.image.resize(x, (7 * stride, 8 * stride), interpolation="bilinear")
    inside = (slice(None), slice(stride, -stride), slice(stride, -stride))
    np.testing.assert_allclose(np.asarray(layer(x))[inside], np.asarray(resized)[inside], atol=1e-5)


def test_refuses():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        BilinearUpsample()((4, 4))

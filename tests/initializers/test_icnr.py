"""ICNR: a sub-pixel convolution starts as nearest-neighbour upsampling."""

import numpy as np
import pytest
from keras import ops

from mlkit.initializers import ICNR
from mlkit.testing import InitializerSpec

SPECS = [
    InitializerSpec(
        ICNR,
        kwargs=dict(factor=3, initializer="glorot_normal", order="DCR"),
        shape=(3, 3, 4, 18),
        mean=0.0,
    )
]


@pytest.mark.parametrize("order", ["CRD", "DCR"])
def test_every_pixel_of_a_block_is_equal(order):
    kernel = np.asarray(ICNR(2, "glorot_uniform", order)((3, 3, 5, 12)), "float64")
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 5))
    y = np.asarray(ops.conv(x, kernel, padding="same"))
    b, h, w = y.shape[:3]
    if order == "CRD":
        image = y.reshape(b, h, w, 3, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(b, 2 * h, 2 * w, 3)
    else:
        image = np.asarray(ops.depth_to_space(y, 2))
    small = image[:, ::2, ::2]
    np.testing.assert_allclose(image, small.repeat(2, axis=1).repeat(2, axis=2), atol=1e-12)
    assert np.std(small) > 0.1


def test_variance_is_that_of_the_small_kernel():
    kernel = np.asarray(ICNR(2, "he_normal")((3, 3, 64, 256)))
    np.testing.assert_allclose(kernel.var(), 2.0 / (9 * 64), rtol=0.05)


def test_refuses():
    with pytest.raises(ValueError, match=r"multiple of `factor`² = 4.*\(3, 3, 1, 6\)"):
        ICNR(2)((3, 3, 1, 6))
    with pytest.raises(ValueError, match="`order` must be one of"):
        ICNR(2, order="abc")

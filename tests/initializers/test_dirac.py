"""Dirac: a convolution that passes its input through."""

import numpy as np
import pytest
from keras import ops

from mlkit.initializers import Dirac
from mlkit.testing import InitializerSpec


def dirac(shape, groups=2):
    kernel = np.zeros(shape)
    for out in range(shape[-1]):
        within = out % (shape[-1] // groups)
        if within < shape[-2]:
            kernel[(*((k - 1) // 2 for k in shape[:-2]), within, out)] = 1
    return kernel


SPECS = [
    InitializerSpec(
        Dirac, kwargs=dict(groups=2), shape=(3, 3, 4, 10), reference=dirac, stochastic=False
    )
]


@pytest.mark.parametrize("size", [(3,), (4,), (3, 4), (2, 3, 5)])
def test_same_convolution_is_the_identity(size):
    x = np.random.default_rng(0).normal(size=(2, *[6] * len(size), 5)).astype("float32")
    y = ops.conv(x, Dirac()((*size, 5, 5)), padding="same")
    np.testing.assert_allclose(y, x, atol=1e-6)


def test_grouped_convolution_is_the_identity():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 6)).astype("float32")
    y = ops.conv(x, Dirac(groups=3)((3, 3, 2, 6)), padding="same")
    np.testing.assert_allclose(y, x, atol=1e-6)


def test_refuses():
    with pytest.raises(ValueError, match=r"Received: shape=\(3, 4\)"):
        Dirac()((3, 4))
    with pytest.raises(ValueError, match="multiple of `groups`=2"):
        Dirac(2)((3, 4, 5))

"""DeltaOrthogonal: a convolution that keeps the norm of each pixel."""

import numpy as np
import pytest
from keras import ops

from mlkit.initializers import DeltaOrthogonal
from mlkit.testing import InitializerSpec

SPECS = [InitializerSpec(DeltaOrthogonal, kwargs=dict(gain=1.5, seed=3), shape=(3, 3, 4, 6))]


@pytest.mark.parametrize("size", [(3,), (3, 5), (2, 3, 4)])
def test_norm_of_each_pixel_is_multiplied_by_the_gain(size):
    kernel = DeltaOrthogonal(gain=2.0, seed=1)((*size, 4, 7))
    x = np.random.default_rng(0).normal(size=(2, *[5] * len(size), 4)).astype("float32")
    y = np.asarray(ops.conv(x, kernel, padding="same"))
    np.testing.assert_allclose(
        np.linalg.norm(y, axis=-1), 2 * np.linalg.norm(x, axis=-1), rtol=1e-5
    )
    assert np.count_nonzero(np.asarray(kernel)) == 28


def test_refuses():
    with pytest.raises(ValueError, match=r"filters ≥ inputs.*\(3, 3, 8, 4\)"):
        DeltaOrthogonal()((3, 3, 8, 4))
    with pytest.raises(ValueError, match="`gain`"):
        DeltaOrthogonal(gain=0.0)

"""SpectralNorm: half the square of the largest singular value."""

import numpy as np
import pytest
from regularizers._gradients import numeric, slope

from mlkit.regularizers import SpectralNorm
from mlkit.testing import RegularizerSpec


def penalty(w, factor):
    return factor / 2 * np.linalg.norm(w.reshape(-1, w.shape[-1]), 2) ** 2


SPECS = [
    RegularizerSpec(
        SpectralNorm,
        kwargs=dict(factor=0.3),
        shape=(3, 3, 2, 4),
        reference=lambda w: penalty(w, 0.3),
        zero_at=np.zeros,
    )
]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 4)])
def test_value_and_gradient(shape):
    w = np.random.default_rng(0).normal(size=shape)
    value, gradient = slope(SpectralNorm(0.3), w)
    np.testing.assert_allclose(value, penalty(w, 0.3), rtol=1e-9)
    np.testing.assert_allclose(
        gradient, numeric(lambda w: penalty(w, 0.3), w), rtol=1e-5, atol=1e-7
    )


def test_gradient_is_finite_at_zero_and_at_the_identity():
    for w in (np.zeros((4, 3), "float32"), np.eye(4, dtype="float32")):
        assert np.isfinite(slope(SpectralNorm(1.0), w)[1]).all()


def test_refuses():
    with pytest.raises(ValueError, match="`factor`"):
        SpectralNorm(-1.0)

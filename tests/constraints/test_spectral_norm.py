"""SpectralNorm: no singular value above the bound, kernels below it untouched."""

import numpy as np
import pytest

from mlkit.constraints import SpectralNorm
from mlkit.testing import ConstraintSpec


def project(w, bound=0.7):
    sigma = np.linalg.svd(w.reshape(-1, w.shape[-1]), compute_uv=False)[0]
    return w * min(1.0, bound / sigma)


SPECS = [
    ConstraintSpec(
        SpectralNorm,
        kwargs=dict(max_sigma=0.7),
        shape=(3, 3, 4, 6),
        reference=project,
        satisfied=lambda w: np.linalg.norm(w.reshape(-1, w.shape[-1]), 2) < 0.7 * (1 + 1e-5),
    )
]


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (3, 3, 2, 4), (6,)])
def test_equals_svd(shape):
    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = project(w.reshape(-1, shape[-1] if len(shape) > 1 else 1)).reshape(shape)
    np.testing.assert_allclose(SpectralNorm(0.7)(w), expected, rtol=1e-5, atol=1e-6)


def test_inside_the_bound_is_left_alone():
    w = np.random.default_rng(0).normal(size=(5, 5)).astype("float32") * 1e-3
    np.testing.assert_array_equal(SpectralNorm(1.0)(w), w)
    np.testing.assert_array_equal(SpectralNorm(1.0)(0 * w), 0 * w)


def test_refuses():
    with pytest.raises(ValueError, match="`max_sigma`"):
        SpectralNorm(0.0)

"""Hoyer: the ratio of the norms."""

import numpy as np
import pytest
from regularizers._gradients import numeric, slope

from mlkit.regularizers import Hoyer
from mlkit.testing import RegularizerSpec


def penalty(w, factor, squared):
    ratio = np.linalg.norm(w.ravel(), 1) / np.linalg.norm(w.ravel(), 2) if w.any() else 0.0
    return factor * ratio ** (2 if squared else 1)


SPECS = [
    RegularizerSpec(
        Hoyer,
        kwargs=dict(factor=0.3, squared=False),
        shape=(5, 4),
        reference=lambda w: penalty(w, 0.3, False),
        zero_at=np.zeros,
    )
]


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_value_and_gradient(squared, scale):
    w = scale * np.random.default_rng(0).normal(size=(3, 4))
    value, gradient = slope(Hoyer(0.3, squared), w)
    np.testing.assert_allclose(value, penalty(w, 0.3, squared), rtol=1e-9)
    expected = numeric(lambda w: penalty(w, 0.3, squared), w, step=1e-6 * scale)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7 / scale)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("scale", [0.0, 1e-25, 1e25])
def test_any_scale_is_finite(squared, scale):
    w = scale * np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    value, gradient = slope(Hoyer(1.0, squared), w.astype("float32"))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_refuses():
    with pytest.raises(TypeError, match="`squared`"):
        Hoyer(squared=2)

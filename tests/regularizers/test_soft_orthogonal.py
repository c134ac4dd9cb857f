"""SoftOrthogonal: distance of the Gram matrix from the identity."""

import numpy as np
import pytest
from regularizers._gradients import numeric, slope

from mlkit.regularizers import SoftOrthogonal
from mlkit.testing import RegularizerSpec


def penalty(w, factor, mode):
    matrix = w.reshape(-1, w.shape[-1])
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    excess = gram - np.eye(len(gram))
    return factor * ((excess**2).sum() if mode == "frobenius" else np.linalg.norm(excess, 2))


SPECS = [
    RegularizerSpec(
        SoftOrthogonal,
        kwargs=dict(factor=0.3, mode="srip"),
        shape=(3, 3, 2, 4),
        reference=lambda w: penalty(w, 0.3, "srip"),
        zero_at=lambda shape: np.eye(int(np.prod(shape[:-1])), shape[-1]).reshape(shape),
    )
]


@pytest.mark.parametrize("mode", ["frobenius", "srip"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 4)])
def test_value_and_gradient(mode, shape):
    w = np.random.default_rng(0).normal(size=shape)
    value, gradient = slope(SoftOrthogonal(0.3, mode), w)
    np.testing.assert_allclose(value, penalty(w, 0.3, mode), rtol=1e-9)
    expected = numeric(lambda w: penalty(w, 0.3, mode), w)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["frobenius", "srip"])
def test_gradient_is_finite_where_singular_values_coincide(mode):
    for w in (np.eye(5, 3), 2 * np.eye(4), np.zeros((4, 3))):
        assert np.isfinite(slope(SoftOrthogonal(1.0, mode), w.astype("float32"))[1]).all()


def test_refuses():
    with pytest.raises(ValueError, match="`mode` must be one of"):
        SoftOrthogonal(mode="l1")

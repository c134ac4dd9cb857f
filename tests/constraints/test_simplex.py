"""Simplex: the Euclidean projection, as scipy's minimiser finds it."""

import numpy as np
import pytest
from scipy.optimize import brentq

from mlkit.constraints import Simplex
from mlkit.testing import ConstraintSpec


def project(w, axis=0, total=2.0):
    def one(row):
        def excess(t):
            return np.maximum(row - t, 0).sum() - total

        return np.maximum(row - brentq(excess, row.min() - total, row.max(), xtol=1e-14), 0)

    return np.apply_along_axis(one, axis, w.astype("float64"))


SPECS = [
    ConstraintSpec(
        Simplex,
        kwargs=dict(axis=0, total=2.0),
        shape=(6, 4),
        reference=project,
        satisfied=lambda w: w.min() >= 0 and np.abs(w.sum(axis=0) - 2).max() < 1e-5,
    )
]


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_equals_the_root_of_the_threshold_equation(scale, axis):
    w = (scale * np.random.default_rng(0).normal(size=(5, 6, 7))).astype("float32")
    np.testing.assert_allclose(
        Simplex(axis, 1.5)(w), project(w, axis, 1.5), atol=2e-6 * max(1.0, scale)
    )


def test_a_distribution_stays():
    p = np.random.default_rng(0).dirichlet(np.ones(8), size=5).astype("float32")
    np.testing.assert_allclose(Simplex()(p), p, atol=1e-6)


def test_refuses():
    with pytest.raises(ValueError, match="`total`"):
        Simplex(total=0.0)

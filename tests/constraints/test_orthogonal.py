"""Orthogonal: orthonormal columns; QR's own, or the nearest ones."""

import numpy as np
import pytest
from scipy.linalg import polar

from mlkit.constraints import Orthogonal
from mlkit.testing import ConstraintSpec


def orthonormal(w):
    matrix = w.reshape(-1, w.shape[-1])
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    return np.abs(matrix.T @ matrix - np.eye(matrix.shape[1])).max() < 1e-5


def nearest(w):
    return polar(w.reshape(-1, w.shape[-1]))[0].reshape(w.shape)


SPECS = [
    ConstraintSpec(
        Orthogonal,
        kwargs=dict(method="bjorck", iterations=25),
        shape=(3, 3, 2, 6),
        reference=nearest,
        satisfied=orthonormal,
    )
]


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (6, 6), (3, 3, 2, 4)])
def test_bjorck_is_the_polar_factor(shape):
    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    projected = np.asarray(Orthogonal("bjorck", 40)(w))
    np.testing.assert_allclose(projected, nearest(w.astype("float64")), atol=2e-5)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (6, 6), (3, 3, 2, 4)])
def test_qr(shape):
    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    projected = np.asarray(Orthogonal()(w))
    assert projected.shape == shape
    assert orthonormal(projected)
    matrix = w.reshape(-1, shape[-1]).astype("float64")
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    expected = q if matrix.shape[0] >= matrix.shape[1] else q.T
    np.testing.assert_allclose(projected.reshape(matrix.shape), expected, atol=1e-5)
    np.testing.assert_allclose(Orthogonal()(projected), projected, atol=1e-5)


def test_refuses():
    with pytest.raises(ValueError, match="`method` must be one of"):
        Orthogonal("svd")

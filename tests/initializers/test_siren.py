"""Siren: the ranges of the paper, and activations that keep their distribution."""

import numpy as np
import pytest

from mlkit.initializers import Siren
from mlkit.testing import InitializerSpec

SPECS = [
    InitializerSpec(
        Siren,
        kwargs=dict(w0=20.0, first=True, seed=2),
        shape=(8, 4000),
        mean=0.0,
        variance=(1 / 8) ** 2 / 3,
    )
]


def test_ranges():
    first = np.asarray(Siren(first=True, seed=0)((3, 5, 20, 4000)))
    other = np.asarray(Siren(w0=10.0, seed=0)((300, 4000)))
    np.testing.assert_allclose(np.abs(first).max(), 1 / 300, rtol=1e-3)
    np.testing.assert_allclose(np.abs(other).max(), np.sqrt(6 / 300) / 10, rtol=1e-3)
    np.testing.assert_allclose(other.var(), 6 / 300 / 100 / 3, rtol=0.01)


def test_distribution_is_kept_through_ten_layers():
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    x = np.sin(30 * x @ np.asarray(Siren(first=True, seed=0)((2, 256))))
    for i in range(10):
        x = np.sin(30 * x @ np.asarray(Siren(seed=i + 1)((256, 256))))
    np.testing.assert_allclose(x.var(), 0.5, atol=0.1)  # the variance of the arcsine law


def test_refuses():
    with pytest.raises(ValueError, match="`w0`"):
        Siren(w0=0.0)

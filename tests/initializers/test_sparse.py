"""Sparse: so many zeros in each column, anywhere, and normal draws for the rest."""

import numpy as np
import pytest
from scipy import stats

from mlkit.initializers import Sparse
from mlkit.testing import InitializerSpec

SPECS = [
    InitializerSpec(
        Sparse,
        kwargs=dict(sparsity=0.75, stddev=0.5, seed=4),
        shape=(400, 100),
        mean=0.0,
        variance=0.25 * 0.25,
    )
]


@pytest.mark.parametrize("sparsity", [0.0, 0.34, 0.9, 1.0])
def test_zeros_in_each_column(sparsity):
    draws = np.asarray(Sparse(sparsity, seed=0)((50, 30)))
    assert ((draws == 0).sum(axis=0) == np.ceil(sparsity * 50)).all()


def test_zeros_do_not_depend_on_the_values():
    draws = np.asarray(Sparse(0.5, stddev=2.0, seed=1)((2000, 50)))
    assert stats.kstest(draws[draws != 0] / 2.0, "norm").pvalue > 1e-3
    rows = (draws == 0).mean(axis=1)
    np.testing.assert_allclose(rows.mean(), 0.5, atol=0.01)
    assert rows.std() < 0.1


def test_refuses():
    with pytest.raises(ValueError, match=r"shape=\(3, 3, 3\)"):
        Sparse(0.5)((3, 3, 3))
    with pytest.raises(ValueError, match="`sparsity`"):
        Sparse(1.5)

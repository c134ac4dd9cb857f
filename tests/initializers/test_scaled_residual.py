"""ScaledResidual: the variance of L blocks of branches sums to that of one."""

import numpy as np
import pytest

from mlkit.initializers import ScaledResidual
from mlkit.testing import InitializerSpec

SPECS = [
    InitializerSpec(
        ScaledResidual,
        kwargs=dict(num_layers=6, stddev=0.05, branches=3, seed=1),
        shape=(200, 300),
        mean=0.0,
        variance=0.05**2 / 18,
    )
]


def test_stream_of_many_layers_has_the_variance_of_one_matrix():
    layers = 12
    draws = sum(np.asarray(ScaledResidual(layers, seed=i)((64, 64))) for i in range(2 * layers))
    np.testing.assert_allclose(np.std(draws), 0.02, rtol=0.03)


def test_refuses():
    with pytest.raises(ValueError, match="`num_layers` must be an integer ≥ 1"):
        ScaledResidual(0)

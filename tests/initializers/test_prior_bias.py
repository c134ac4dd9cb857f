"""PriorBias: the sigmoid of the bias is the prior."""

import numpy as np
import pytest
from scipy.special import expit, logit

from mlkit.initializers import PriorBias
from mlkit.testing import InitializerSpec

SPECS = [
    InitializerSpec(
        PriorBias,
        kwargs=dict(prior=[0.2, 0.01, 0.5]),
        shape=(3,),
        reference=lambda shape: np.broadcast_to(logit([0.2, 0.01, 0.5]), shape),
        stochastic=False,
    )
]


@pytest.mark.parametrize("prior", [1e-6, 0.01, 0.5, 0.999])
def test_sigmoid_gives_the_prior(prior):
    bias = np.asarray(PriorBias(prior)((4,)), "float64")
    np.testing.assert_allclose(expit(bias), np.full(4, prior), rtol=1e-5)


def test_refuses():
    with pytest.raises(ValueError, match="`prior` must be a number in"):
        PriorBias(1.0)
    with pytest.raises(ValueError, match=r"holds 2 probabilities.*shape=\(3,\)"):
        PriorBias([0.1, 0.2])((3,))

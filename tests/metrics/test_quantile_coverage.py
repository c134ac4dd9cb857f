import numpy as np
import pytest
from scipy.stats import norm

from mlkit.metrics import QuantileCoverage
from mlkit.testing import MetricSpec

QUANTILES = [0.1, 0.5, 0.9]


def coverage(y_true, y_pred, sample_weight):
    shares = np.average(y_true[:, None] <= y_pred, 0, weights=sample_weight)
    return {f"quantile_coverage_{q:g}": v for q, v in zip(QUANTILES, shares, strict=True)}


SPECS = [
    MetricSpec(
        QuantileCoverage,
        kwargs={"quantiles": QUANTILES},
        y_true=lambda rng: rng.normal(size=60).astype("float32"),
        y_pred=lambda rng: np.sort(rng.normal(size=(60, 3)).astype("float32"), -1),
        reference=coverage,
    )
]


def test_the_true_quantiles_are_calibrated():
    y = np.random.default_rng(0).normal(size=100_000)
    metric = QuantileCoverage(QUANTILES)
    metric.update_state(y, np.tile(norm.ppf(QUANTILES), (100_000, 1)))
    np.testing.assert_allclose(list(metric.result().values()), QUANTILES, atol=5e-3)


@pytest.mark.parametrize("quantiles", [[], [0.0], [0.5, 1.0]])
def test_impossible_quantiles(quantiles):
    with pytest.raises(ValueError, match="`quantiles` must"):
        QuantileCoverage(quantiles)

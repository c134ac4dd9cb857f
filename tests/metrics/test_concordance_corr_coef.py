import numpy as np

from mlkit.metrics import ConcordanceCorrCoef
from mlkit.testing import MetricSpec


def raw_values(y_true, y_pred, sample_weight):
    w = np.ones(40) if sample_weight is None else np.ravel(sample_weight)
    y, x = y_true.astype("float64"), y_pred.astype("float64")
    my, mx = np.average(y, 0, w), np.average(x, 0, w)
    vy, vx = np.average((y - my) ** 2, 0, w), np.average((x - mx) ** 2, 0, w)
    cov = np.average((x - mx) * (y - my), 0, w)
    return {
        f"concordance_corr_coef_{i}": v for i, v in enumerate(2 * cov / (vx + vy + (mx - my) ** 2))
    }


def data(rng):
    return rng.normal(1, 2, (40, 3)).astype("float32")


SPECS = [
    MetricSpec(
        ConcordanceCorrCoef,
        kwargs={"multioutput": "raw_values", "num_outputs": 3},
        y_true=data,
        y_pred=data,
        reference=raw_values,
    )
]


def test_a_shift_lowers_it_and_a_perfect_prediction_is_one():
    y = np.random.default_rng(0).normal(size=100)
    for shift, want in ((0.0, 1.0), (2.0, 2 * y.var() / (2 * y.var() + 4))):
        metric = ConcordanceCorrCoef()
        metric.update_state(y, y + shift)
        np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


def test_one_constant_on_both_sides_has_none():
    metric = ConcordanceCorrCoef()
    metric.update_state([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])
    assert np.isnan(metric.result())

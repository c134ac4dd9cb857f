import numpy as np
import pytest
from sklearn.metrics import r2_score

from mlkit.metrics import RSquare
from mlkit.testing import MetricSpec


def variance_weighted_adjusted(y_true, y_pred, sample_weight):
    y_true, y_pred = y_true.astype("float64"), y_pred.astype("float64")
    raw = r2_score(y_true, y_pred, sample_weight=sample_weight, multioutput="raw_values")
    n = 60 if sample_weight is None else np.count_nonzero(sample_weight)
    weight = np.ones(60) if sample_weight is None else np.ravel(sample_weight)
    spread = np.average((y_true - np.average(y_true, 0, weight)) ** 2, 0, weight)
    return np.average(1 - (1 - raw) * (n - 1) / (n - 2 - 1), weights=spread)


def data(rng):
    return rng.normal(3, [1, 2, 3], (60, 3)).astype("float32")


SPECS = [
    MetricSpec(
        RSquare,
        kwargs={"multioutput": "variance_weighted", "num_regressors": 2, "num_outputs": 3},
        y_true=data,
        y_pred=data,
        reference=variance_weighted_adjusted,
    )
]


@pytest.mark.parametrize("multioutput", ["uniform_average", "variance_weighted", "raw_values"])
def test_equals_scikit_learn(multioutput):
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=(100, 2))
    y_pred, weight = y_true + rng.normal(size=(100, 2)), rng.uniform(size=100)
    metric = RSquare(multioutput=multioutput)
    for part in np.array_split(np.arange(100), 9):
        metric.update_state(y_true[part], y_pred[part], weight[part])
    want = r2_score(y_true, y_pred, sample_weight=weight, multioutput=multioutput)
    got = metric.result()
    got = list(got.values()) if multioutput == "raw_values" else got
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize(("y_pred", "want"), [([0.1, 0.1, 0.1], 1.0), ([0.1, 0.2, 0.1], 0.0)])
def test_constant_targets(y_pred, want):
    metric = RSquare()
    metric.update_state(np.full(3, 0.1, "float32"), np.array(y_pred, "float32"))
    assert float(metric.result()) == want


def test_too_few_examples_for_the_adjusted_form():
    metric = RSquare(num_regressors=2)
    metric.update_state([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    assert np.isnan(metric.result())


def test_another_number_of_outputs_is_refused():
    metric = RSquare()
    metric.update_state(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="must have a last axis of 2 size"):
        metric.update_state(np.ones((3, 1)), np.ones((3, 1)))

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from mlkit.metrics import ExpectedCalibrationError
from mlkit.testing import MetricSpec


def ece(confidence, hit, bins, weight=None, norm="l1"):
    """Bin by bin, right-closed, in a loop."""
    weight = np.ones(len(hit)) if weight is None else np.ravel(weight)
    edges = np.linspace(0, 1, bins + 1)
    gaps, shares = [], []
    for i in range(bins):
        low = edges[i] if i else -1.0
        inside = (confidence > low) & (confidence <= edges[i + 1]) & (weight > 0)
        if inside.any():
            w = weight[inside]
            gaps.append(np.abs(np.average(hit[inside] - confidence[inside], weights=w)))
            shares.append(w.sum() / weight.sum())
    gaps, shares = np.array(gaps), np.array(shares)
    return {"l1": gaps @ shares, "l2": np.sqrt(gaps**2 @ shares), "max": gaps.max()}[norm]


def top_label(y_true, y_pred, sample_weight):
    prob = softmax(y_pred.astype("float64"), -1)
    return ece(prob.max(-1), prob.argmax(-1) == y_true, 7, sample_weight, "l2")


SPECS = [
    MetricSpec(
        ExpectedCalibrationError,
        kwargs={"num_bins": 7, "norm": "l2", "from_logits": True},
        y_true=lambda rng: rng.integers(0, 4, 200),
        y_pred=lambda rng: rng.normal(size=(200, 4)).astype("float32"),
        reference=top_label,
    )
]


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("shape", [(500,), (500, 1)])
def test_single_probability(norm, shape):
    rng = np.random.default_rng(0)
    y_true, prob = rng.integers(0, 2, 500), rng.uniform(size=500)
    metric = ExpectedCalibrationError(norm=norm)
    metric.update_state(y_true, prob.reshape(shape))
    np.testing.assert_allclose(metric.result(), ece(prob, y_true, 15, None, norm), rtol=1e-6)


def test_the_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    # Tenths exactly on the edges, 0 and 1 too.
    y_true, prob = rng.integers(0, 2, 500), rng.integers(0, 11, 500) / 10
    metric = ExpectedCalibrationError(num_bins=10)
    metric.update_state(y_true, prob)
    frequency, mean = calibration_curve(y_true, prob, n_bins=10)
    bins = metric.reliability
    seen = bins["weight"] > 0
    np.testing.assert_allclose(bins["accuracy"][seen], frequency, rtol=1e-6)
    np.testing.assert_allclose(bins["confidence"][seen], mean, rtol=1e-6)


def test_certain_predictions_are_in_the_last_bin():
    metric = ExpectedCalibrationError(num_bins=4)
    metric.update_state([0, 1], np.array([[1.0, 0.0], [1.0, 0.0]], "float32"))
    np.testing.assert_array_equal(metric.reliability["weight"], [0, 0, 0, 2])
    assert float(metric.result()) == 0.5


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(ValueError, match="set from_logits=True"):
        ExpectedCalibrationError().update_state([0], [[3.0, -1.0]])


def test_plot():
    pytest.importorskip("matplotlib").use("Agg")
    metric = ExpectedCalibrationError(num_bins=4)
    metric.update_state([0, 1], [0.2, 0.9])
    assert len(metric.plot().lines[1].get_xdata()) == 2

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from mlkit.metrics import MatthewsCorrelationCoefficient, matthews_correlation_coefficient
from mlkit.testing import MetricSpec


def multiclass(y_true, y_pred, sample_weight):
    return matthews_corrcoef(y_true, np.argmax(y_pred, -1), sample_weight=sample_weight)


def binary(y_true, y_pred, sample_weight):
    return matthews_corrcoef(y_true, np.ravel(y_pred) > 0.3, sample_weight=sample_weight)


SPECS = [
    MetricSpec(
        MatthewsCorrelationCoefficient,
        kwargs={"num_classes": 2, "threshold": 0.3},
        y_true=lambda rng: rng.integers(0, 2, 40),
        y_pred=lambda rng: rng.uniform(size=(40, 1)).astype("float32"),
        reference=binary,
        name="MatthewsCorrelationCoefficient-binary",
    ),
    MetricSpec(
        MatthewsCorrelationCoefficient,
        kwargs={"num_classes": 4, "threshold": 0.3},
        y_true=lambda rng: rng.integers(0, 4, 40),
        y_pred=lambda rng: rng.normal(size=(40, 4)).astype("float32"),
        reference=multiclass,
        name="MatthewsCorrelationCoefficient-multiclass",
    ),
]


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_equals_scikit_learn_over_batches(num_classes):
    rng = np.random.default_rng(num_classes)
    y_true = rng.integers(0, num_classes, 500)
    scores = rng.normal(size=(500, num_classes)) + 2 * np.eye(num_classes)[y_true]
    weight = rng.uniform(size=500)
    metric = MatthewsCorrelationCoefficient(num_classes)
    for i in range(0, 500, 70):
        metric.update_state(y_true[i : i + 70], scores[i : i + 70], weight[i : i + 70])
    want = multiclass(y_true, scores, weight)
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)
    whole = matthews_correlation_coefficient(y_true, scores, num_classes, weight)
    np.testing.assert_allclose(whole, want, rtol=1e-6)


def test_rare_class_keeps_its_digits():
    # 20 positives in twenty million: sums in float32 stop at 16,777,216.
    metric = MatthewsCorrelationCoefficient(2)
    metric.update_state([0, 0, 1, 1], [0.0, 1.0, 0.0, 1.0], [19_999_970, 10, 5, 15])
    tn, fp, fn, tp = 19_999_970.0, 10.0, 5.0, 15.0
    want = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [([0, 0, 0], [0.1, 0.9, 0.2]), ([0, 1, 1], [0.9, 0.9, 0.9]), ([1, 1], [0.9, 0.9])],
)
def test_a_single_class_gives_zero(y_true, y_pred):
    assert float(matthews_correlation_coefficient(y_true, y_pred, 2)) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_a_single_class_with_fractional_weights_gives_zero(seed):
    rng = np.random.default_rng(seed)
    scores, weight = rng.normal(size=(60, 10)), rng.uniform(size=60)
    assert float(matthews_correlation_coefficient(np.full(60, 3), scores, 10, weight)) == 0.0
    classes, always = rng.integers(0, 10, 60), np.tile(np.eye(10)[7], (60, 1))
    assert float(matthews_correlation_coefficient(classes, always, 10, weight)) == 0.0


def test_no_data_gives_zero():
    assert float(MatthewsCorrelationCoefficient(3).result()) == 0.0


def test_unknown_class_gives_nan_from_the_function_and_an_error_from_the_metric():
    assert np.isnan(matthews_correlation_coefficient([0, 2], [0.1, 0.9], 2))
    with pytest.raises(ValueError, match=r"Classes must be whole numbers in \[0, 2\)"):
        MatthewsCorrelationCoefficient(2).update_state([0, 2], [0.1, 0.9])


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [({"num_classes": 1}, ValueError), ({"num_classes": 2.0}, TypeError)],
)
def test_wrong_arguments(kwargs, error):
    with pytest.raises(error, match=r"`num_classes` must be an integer ≥ 2. Received"):
        MatthewsCorrelationCoefficient(**kwargs)

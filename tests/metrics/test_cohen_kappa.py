import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mlkit.metrics import CohenKappa
from mlkit.testing import MetricSpec


def graded(y_true, y_pred, sample_weight):
    grades = np.clip(np.rint(y_pred), 0, 4).astype(int)
    return cohen_kappa_score(
        y_true, grades, labels=range(5), weights="quadratic", sample_weight=sample_weight
    )


def classes(y_true, y_pred, sample_weight):
    return cohen_kappa_score(
        y_true, y_pred.argmax(-1), weights="linear", sample_weight=sample_weight
    )


EXCUSE = {"kwargs_complete": "`regression` takes other predictions: see the other spec"}
SPECS = [
    MetricSpec(
        CohenKappa,
        kwargs={
            "num_classes": 5,
            "weightage": "quadratic",
            "sparse_labels": True,
            "regression": True,
        },
        y_true=lambda rng: rng.integers(0, 5, 60),
        y_pred=lambda rng: rng.uniform(-1, 6, 60).astype("float32"),
        reference=graded,
        name="CohenKappa-regression",
    ),
    MetricSpec(
        CohenKappa,
        kwargs={"num_classes": 4, "weightage": "linear", "sparse_labels": True},
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=classes,
        excuse=EXCUSE,
        name="CohenKappa-classes",
    ),
]
RNG = np.random.default_rng(2)
TRUE = RNG.integers(0, 4, 200)
SCORES = RNG.normal(size=(200, 4)) + np.eye(4)[TRUE]


@pytest.mark.parametrize("weightage", [None, "linear", "quadratic"])
def test_equals_scikit_learn(weightage):
    metric = CohenKappa(4, weightage=weightage)
    metric.update_state(np.eye(4)[TRUE], SCORES)
    want = cohen_kappa_score(TRUE, SCORES.argmax(-1), weights=weightage)
    np.testing.assert_allclose(metric.result(), want, rtol=1e-6)


@pytest.mark.parametrize("shape", [(200,), (200, 1)])
@pytest.mark.parametrize("sparse_labels", [False, True])
def test_two_classes_of_rank_one_and_two(shape, sparse_labels):
    y_true, score = TRUE % 2, RNG.uniform(size=200)
    metric = CohenKappa(2, sparse_labels=sparse_labels)
    metric.update_state(y_true.reshape(shape), score.reshape(shape))
    np.testing.assert_allclose(metric.result(), cohen_kappa_score(y_true, score > 0.5), rtol=1e-6)


def test_halves_are_rounded_to_the_even_grade():
    metric = CohenKappa(4, sparse_labels=True, regression=True)
    metric.update_state([0, 2, 2, 3], [0.5, 1.5, 2.5, 7.0])
    assert float(metric.result()) == 1.0


def test_one_class_on_both_sides_has_no_kappa():
    metric = CohenKappa(3, sparse_labels=True)
    metric.update_state([1, 1], [1, 1])
    assert np.isnan(metric.result())


@pytest.mark.parametrize(("sparse_labels", "y_true"), [(False, TRUE), (True, np.eye(4)[TRUE])])
def test_labels_of_the_other_form_are_refused(sparse_labels, y_true):
    with pytest.raises(ValueError, match=f"set sparse_labels={not sparse_labels}"):
        CohenKappa(4, sparse_labels=sparse_labels).update_state(y_true, SCORES)

"""Distances, masked reductions and safe functions against numpy and scipy."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from scipy.spatial.distance import cdist
from strategies import two_replicas

from mlkit import ops


def gradient(fn, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = fn(x)
    return np.array(tape.gradient(y, x))


@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(
    ("metric", "witness"),
    [("euclidean", "euclidean"), ("squared_euclidean", "sqeuclidean"), ("cosine", "cosine")],
)
def test_distances_equal_scipy(metric, witness, offset):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(7, 5)) + offset).astype("float32")
    y = (rng.normal(size=(9, 5)) + offset).astype("float32")
    expected = cdist(x.astype("float64"), y.astype("float64"), witness)
    tolerance = 3e-5 if offset and metric != "cosine" else 3e-6
    np.testing.assert_allclose(ops.pairwise_distances(x, y, metric), expected, atol=tolerance)
    itself = np.array(ops.pairwise_distances(x, metric=metric))
    np.testing.assert_allclose(itself, cdist(x, x, witness), atol=5e-4)
    assert (np.diag(itself) == 0).all()


@pytest.mark.parametrize("metric", ["euclidean", "squared_euclidean", "cosine"])
def test_gradient_is_finite_for_equal_and_zero_rows(metric):
    x = np.zeros((4, 3), "float32")
    x[2:] = 1.0
    assert np.isfinite(gradient(lambda x: ops.pairwise_distances(x, metric=metric), x)).all()


def test_distances_refuse_a_vector_and_an_unknown_metric():
    with pytest.raises(ValueError, match=r"`x` must be a matrix.*\(3,\)"):
        ops.pairwise_distances(np.ones(3))
    with pytest.raises(ValueError, match="`metric` must be one of"):
        ops.pairwise_distances(np.ones((3, 2)), metric="l7")


def test_masked_logsumexp_equals_scipy_and_is_finite_at_the_ends():
    rng = np.random.default_rng(1)
    x, mask = rng.normal(size=(6, 8)) * 1e4, rng.random((6, 8)) < 0.4
    mask[0], mask[1] = False, True
    with np.errstate(divide="ignore"):
        expected = scipy.special.logsumexp(x, b=mask, axis=1)
    expected[0] = -np.inf  # an empty sum; scipy says NaN
    np.testing.assert_allclose(ops.masked_logsumexp(x, mask), expected, rtol=1e-12)
    found = gradient(lambda x: ops.masked_logsumexp(x, mask)[1:], x)
    np.testing.assert_allclose(found[1], scipy.special.softmax(x[1]), atol=1e-12)
    assert (gradient(lambda x: ops.masked_logsumexp(x, mask), x)[0] == 0).all()


def test_masked_mean_does_not_see_what_is_masked():
    x = np.array([[1.0, np.nan, 3.0], [np.inf, np.nan, -np.inf]])
    mask = np.array([[True, False, True], [False] * 3])
    np.testing.assert_array_equal(ops.masked_mean(x, mask, axis=1), [2.0, 0.0])
    found = gradient(lambda x: ops.masked_mean(x, mask), x)
    np.testing.assert_array_equal(found, [[0.5, 0, 0.5], [0, 0, 0]])


def test_safe_sqrt_and_safe_log_at_zero():
    x = np.array([0.0, 0.25, 4.0])
    np.testing.assert_array_equal(ops.safe_sqrt(x), [0, 0.5, 2])
    np.testing.assert_array_equal(gradient(ops.safe_sqrt, x), [0, 1, 0.25])
    np.testing.assert_allclose(ops.safe_log(x, 1e-3), np.log([1e-3, 0.25, 4]))
    np.testing.assert_allclose(gradient(lambda x: ops.safe_log(x, 1e-3), x), [1e3, 4, 0.25])
    assert keras.backend.standardize_dtype(ops.safe_log(np.ones(2, "float16")).dtype) == "float32"


def test_nan_stays_nan():
    bad = np.array([np.nan, 1.0])
    assert np.isnan(np.array(ops.safe_sqrt(bad))[0])
    assert np.isnan(np.array(ops.safe_log(bad))[0])
    matrix = np.array([[np.nan, 0.0], [1.0, 1.0], [2.0, 0.0]])
    assert np.isnan(np.array(ops.pairwise_distances(matrix, matrix.copy()))).any()


def test_gather_across_replicas_gives_all_rows_and_the_right_gradients():
    strategy = two_replicas()
    x = np.arange(12, dtype="float32").reshape(6, 2)
    weight = np.linspace(1, 2, 12).reshape(6, 2).astype("float32")

    @tf.function
    def run(rows):
        def step(rows):
            with tf.GradientTape() as tape:
                tape.watch(rows)
                everything, start = ops.gather_across_replicas(rows)
                # Each replica uses all rows, weighed differently.
                scale = 1.0 + tf.cast(start, "float32")
                loss = tf.reduce_sum(everything * everything * weight) * scale
            return everything, start, tape.gradient(loss, rows)

        return strategy.run(step, (rows,))

    rows = strategy.experimental_distribute_values_from_function(
        lambda c: tf.constant(x[:2] if c.replica_id_in_sync_group == 0 else x[2:])
    )
    everything, start, gradients = run(rows)
    for values in strategy.experimental_local_results(everything):
        np.testing.assert_array_equal(values, x)
    assert [int(s) for s in strategy.experimental_local_results(start)] == [0, 2]
    found = np.concatenate(strategy.experimental_local_results(gradients))
    np.testing.assert_allclose(found, 2 * x * weight * (1 + 3), rtol=1e-6)

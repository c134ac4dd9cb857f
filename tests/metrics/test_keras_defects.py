"""Keras 3.15's wrong number, the true one, and ours.

When a test of Keras' number fails, a later Keras has mended it: then say so where we differ.
"""

import keras
import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import f1_score, r2_score

import mlkit as mk

RNG = np.random.default_rng(0)


def stream(metric, y_true, y_pred, size):
    for i in range(0, len(y_true), size):
        metric.update_state(y_true[i : i + size], y_pred[i : i + size])
    return float(metric.result())


def test_r2_far_from_zero():
    y_true = (1e4 + RNG.normal(size=(20_000, 1))).astype("float32")
    y_pred = (y_true + 0.1 * RNG.normal(size=(20_000, 1))).astype("float32")
    truth = r2_score(y_true.astype("float64"), y_pred.astype("float64"))
    assert truth == pytest.approx(0.99, abs=1e-3)
    assert abs(stream(keras.metrics.R2Score(), y_true, y_pred, 100) - truth) > 5e-3
    assert stream(mk.metrics.RSquare(), y_true, y_pred, 100) == pytest.approx(truth, rel=1e-6)


def test_adjusted_r2_of_several_outputs():
    y_true = RNG.normal(size=(20, 3)).astype("float32")
    y_pred = (y_true + RNG.normal(size=(20, 3))).astype("float32")
    raw = r2_score(y_true.astype("float64"), y_pred.astype("float64"), multioutput="raw_values")
    truth = np.mean(1 - (1 - raw) * (20 - 1) / (20 - 5 - 1))
    # Each output of an example counts as an example: 60, not 20.
    counted = np.mean(1 - (1 - raw) * (60 - 1) / (60 - 5 - 1))
    keras_metric = keras.metrics.R2Score(num_regressors=5)
    assert stream(keras_metric, y_true, y_pred, 20) == pytest.approx(counted, rel=1e-4)
    ours = mk.metrics.RSquare(num_regressors=5)
    assert stream(ours, y_true, y_pred, 20) == pytest.approx(truth, rel=1e-6)


def test_pearson_of_a_column_of_numbers():
    y_true = RNG.normal(size=(64, 1)).astype("float32")
    y_pred = (y_true + RNG.normal(size=(64, 1))).astype("float32")
    truth = pearsonr(y_true[:, 0].astype("float64"), y_pred[:, 0].astype("float64")).statistic
    assert np.isnan(stream(keras.metrics.PearsonCorrelation(), y_true, y_pred, 64))
    assert stream(mk.metrics.PearsonCorrCoef(), y_true, y_pred, 64) == pytest.approx(truth, 1e-6)


def test_pearson_over_batches():
    # Within a batch the two rise together, from batch to batch they do not.
    group = np.repeat(np.arange(8.0), 8)
    inside = np.tile(np.linspace(0, 0.1, 8), 8)
    y_true, y_pred = (group + inside).astype("float32"), (-group + inside).astype("float32")
    truth = pearsonr(y_true.astype("float64"), y_pred.astype("float64")).statistic
    assert truth < -0.99
    # Vectors of one batch each, and the mean of their correlations.
    assert stream(keras.metrics.PearsonCorrelation(), y_true, y_pred, 8) > 0.99
    assert stream(mk.metrics.PearsonCorrCoef(), y_true, y_pred, 8) == pytest.approx(truth, 1e-6)


def test_concordance_of_a_column_of_numbers():
    y_true = RNG.normal(size=(64, 1)).astype("float32")
    y_pred = (y_true + 0.5 * RNG.normal(size=(64, 1))).astype("float32")
    y, x = y_true.astype("float64"), y_pred.astype("float64")
    cov = np.mean((x - x.mean()) * (y - y.mean()))
    truth = 2 * cov / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert truth > 0.8
    assert stream(keras.metrics.ConcordanceCorrelation(), y_true, y_pred, 64) == 0.0
    ours = stream(mk.metrics.ConcordanceCorrCoef(), y_true, y_pred, 64)
    assert ours == pytest.approx(truth, rel=1e-6)


def test_f1_with_a_column_of_weights_and_with_integer_labels():
    y_true = RNG.integers(0, 3, 50)
    y_pred = RNG.normal(size=(50, 3)).astype("float32")
    weight = RNG.uniform(size=(50, 1)).astype("float32")
    truth = f1_score(y_true, y_pred.argmax(-1), average="macro", sample_weight=weight[:, 0])
    with pytest.raises(Exception, match=r"[Ii]ncompatible|[Rr]ank|shape"):
        keras.metrics.F1Score(average="macro").update_state(np.eye(3)[y_true], y_pred, weight)
    with pytest.raises(ValueError, match="expects 2D inputs"):
        keras.metrics.F1Score(average="macro").update_state(y_true, y_pred)
    for labels in (y_true, np.eye(3)[y_true]):
        ours = mk.metrics.FScore(3)
        ours.update_state(labels, y_pred, weight)
        assert float(ours.result()) == pytest.approx(truth, rel=1e-6)


def test_cosine_similarity_loses_its_axis():
    y_true, y_pred = RNG.normal(size=(2, 6, 3, 4)).astype("float32")
    a, b = y_true.astype("float64"), y_pred.astype("float64")
    truth = np.mean(np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))

    def loaded(metric):
        return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))

    before, after = (
        stream(m, y_true, y_pred, 6)
        for m in (
            keras.metrics.CosineSimilarity(axis=1),
            loaded(keras.metrics.CosineSimilarity(axis=1)),
        )
    )
    assert before == pytest.approx(truth, rel=1e-4)
    assert abs(after - truth) > 1e-2
    ours = loaded(mk.metrics.MeanCosineSimilarity(axis=1))
    assert stream(ours, y_true, y_pred, 6) == pytest.approx(truth, rel=1e-6)

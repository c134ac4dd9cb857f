"""Top-k predictions, several axes, and forms of labels, for the metrics that count classes."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from mlkit.metrics import DiceScore, FScore, JaccardIndex, PrecisionScore, RecallScore

RNG = np.random.default_rng(3)
TRUE = RNG.integers(0, 6, 300)
SCORES = RNG.normal(size=(300, 6)).astype("float32")
SETS = np.zeros((300, 6))
np.put_along_axis(SETS, np.argsort(-SCORES, -1)[:, :3], 1.0, -1)


def test_weighted_top_k_recall_is_top_k_accuracy():
    metric = RecallScore(6, top_k=3, average="weighted")
    metric.update_state(TRUE, SCORES)
    np.testing.assert_allclose(metric.result(), top_k_accuracy_score(TRUE, SCORES, k=3), rtol=1e-6)


def test_top_k_counts_each_of_the_k_as_predicted():
    hit = SETS * np.eye(6)[TRUE]
    precision = PrecisionScore(6, top_k=3)
    precision.update_state(TRUE, SCORES)
    np.testing.assert_allclose(precision.result(), np.mean(hit.sum(0) / SETS.sum(0)), rtol=1e-6)


@pytest.mark.parametrize("metric", [PrecisionScore, RecallScore, FScore, JaccardIndex, DiceScore])
def test_forms_of_labels_and_axes_agree(metric):
    def value(y_true, y_pred, weight=None):
        m = metric(6)
        m.update_state(y_true, y_pred, weight)
        return float(m.result())

    want = value(TRUE, SCORES)
    assert value(TRUE[:, None], SCORES) == want
    assert value(np.eye(6)[TRUE], SCORES) == want
    assert value(TRUE, SCORES.argmax(-1)) == want
    assert value(TRUE[:, None], SCORES.argmax(-1)[:, None]) == want
    assert value(TRUE.reshape(30, 10), SCORES.reshape(30, 10, 6)) == want
    weight = RNG.uniform(size=30)
    images = value(TRUE.reshape(30, 10), SCORES.reshape(30, 10, 6), weight)
    assert images == pytest.approx(value(TRUE, SCORES, np.repeat(weight, 10)), rel=1e-6)


def test_ignored_classes_may_be_predicted_but_are_not_counted():
    keep = TRUE != 2
    a, b = FScore(6, ignore_class=2, top_k=2), FScore(6, top_k=2)
    a.update_state(TRUE, SCORES)
    b.update_state(TRUE[keep], SCORES[keep])
    assert float(a.result()) == float(b.result())


def test_top_k_with_threshold_is_refused():
    with pytest.raises(ValueError, match="`top_k` and `ignore_class` need one class an example"):
        FScore(3, threshold=0.5, top_k=2)

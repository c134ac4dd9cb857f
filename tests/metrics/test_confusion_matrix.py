import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from mlkit.metrics import ConfusionMatrix
from mlkit.testing import MetricSpec


def accuracy(y_true, y_pred, sample_weight):
    keep = y_true != 3
    weight = None if sample_weight is None else np.ravel(sample_weight)[keep]
    return accuracy_score(y_true[keep], y_pred.argmax(-1)[keep], sample_weight=weight)


SPECS = [
    MetricSpec(
        ConfusionMatrix,
        kwargs={"num_classes": 4, "normalize": "true", "threshold": 0.3, "ignore_class": 3},
        y_true=lambda rng: rng.integers(0, 4, 60),
        y_pred=lambda rng: rng.normal(size=(60, 4)).astype("float32"),
        reference=accuracy,
    )
]


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_equals_scikit_learn(normalize):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, 100), rng.integers(0, 4, 100)
    weight = rng.uniform(size=100)
    metric = ConfusionMatrix(5, normalize=normalize)
    for part in np.array_split(np.arange(100), 7):
        metric.update_state(y_true[part], y_pred[part], weight[part])
    want = confusion_matrix(
        y_true, y_pred, labels=range(5), normalize=normalize, sample_weight=weight
    )
    np.testing.assert_allclose(metric.matrix, want, rtol=1e-12)


def test_the_result_is_a_scalar_and_the_picture_has_all_cells():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    metric = ConfusionMatrix(3)
    metric.update_state([0, 1, 2], [0, 1, 1])
    assert np.ndim(metric.result()) == 0
    axes = metric.plot(["cat", "dog", "horse"])
    assert sorted(text.get_text() for text in axes.texts) == ["0"] * 6 + ["1"] * 3
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog", "horse"]

import numpy as np
from sklearn.metrics import multilabel_confusion_matrix

from mlkit.metrics import MultiLabelConfusionMatrix
from mlkit.testing import MetricSpec


def totals(y_true, y_pred, sample_weight):
    sums = multilabel_confusion_matrix(y_true, y_pred > 0.3, sample_weight=sample_weight).sum(0)
    keys = ("tn", "fp", "fn", "tp")
    name = "Multilabel_confusion_matrix"
    return {f"{name}_{key}": value for key, value in zip(keys, sums.ravel(), strict=True)}


SPECS = [
    MetricSpec(
        MultiLabelConfusionMatrix,
        kwargs={"num_classes": 3, "threshold": 0.3},
        y_true=lambda rng: rng.integers(0, 2, (40, 3)),
        y_pred=lambda rng: rng.uniform(size=(40, 3)).astype("float32"),
        reference=totals,
    )
]


def test_matrix_equals_scikit_learn():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, (50, 3)), rng.integers(0, 2, (50, 3))
    weight = rng.uniform(size=50)
    metric = MultiLabelConfusionMatrix(3)
    metric.update_state(y_true[:20], y_pred[:20], weight[:20, None])
    metric.update_state(y_true[20:], y_pred[20:], weight[20:])
    want = multilabel_confusion_matrix(y_true, y_pred, sample_weight=weight)
    np.testing.assert_allclose(metric.matrix, want, rtol=1e-12)

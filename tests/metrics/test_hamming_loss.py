import numpy as np
import pytest
from sklearn.metrics import hamming_loss

from mlkit.metrics import HammingLoss
from mlkit.testing import MetricSpec


def labels(y_true, y_pred, sample_weight):
    return hamming_loss(y_true, y_pred > 0.3, sample_weight=sample_weight)


SPECS = [
    MetricSpec(
        HammingLoss,
        kwargs={"mode": "multilabel", "threshold": 0.3},
        y_true=lambda rng: rng.integers(0, 2, (40, 3)),
        y_pred=lambda rng: rng.uniform(size=(40, 3)).astype("float32"),
        reference=labels,
    )
]


@pytest.mark.parametrize("sparse", [False, True])
def test_classes(sparse):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 4, 50), rng.normal(size=(50, 4))
    metric = HammingLoss("multiclass")
    metric.update_state(y_true if sparse else np.eye(4)[y_true], y_pred)
    np.testing.assert_allclose(metric.result(), hamming_loss(y_true, y_pred.argmax(-1)), rtol=1e-6)


def test_a_threshold_makes_no_sense_for_classes():
    with pytest.raises(ValueError, match="`threshold` is for mode='multilabel'"):
        HammingLoss("multiclass", threshold=0.5)

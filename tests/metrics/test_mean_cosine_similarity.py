import numpy as np
import pytest
from scipy.spatial.distance import cosine

from mlkit.metrics import MeanCosineSimilarity
from mlkit.testing import MetricSpec


def along_axis_one(y_true, y_pred, sample_weight):
    values = [
        np.mean([1 - cosine(t[:, j], p[:, j]) for j in range(t.shape[1])])
        for t, p in zip(y_true.astype("float64"), y_pred.astype("float64"), strict=True)
    ]
    return np.average(values, weights=sample_weight)


SPECS = [
    MetricSpec(
        MeanCosineSimilarity,
        kwargs={"axis": 1},
        y_true=lambda rng: rng.normal(size=(20, 3, 4)).astype("float32"),
        y_pred=lambda rng: rng.normal(size=(20, 3, 4)).astype("float32"),
        reference=along_axis_one,
    )
]


def test_a_zero_vector_has_no_direction():
    metric = MeanCosineSimilarity()
    metric.update_state([[0.0, 0.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 3.0]])
    np.testing.assert_allclose(metric.result(), 0.5, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 2, -2])
def test_axes_that_are_not_there(axis):
    with pytest.raises(ValueError, match=f"`axis` must .*Received: axis={axis}"):
        MeanCosineSimilarity(axis=axis).update_state(np.ones((2, 3)), np.ones((2, 3)))

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from mlkit.metrics import RetrievalMRR
from mlkit.testing import MetricSpec


def mean(y_true, y_pred, sample_weight, distance="euclidean"):
    """Query by query, from the whole matrix of distances."""
    weight = np.ones(len(y_true)) if sample_weight is None else np.ravel(sample_weight)
    points = y_pred.astype("float64")
    apart = -points @ points.T if distance == "dot" else cdist(points, points, distance)
    values, weights = [], []
    for i in range(len(y_true)):
        found = [j for j in np.argsort(apart[i], kind="stable") if j != i and weight[j] > 0]
        hits = np.asarray(y_true)[found] == y_true[i]
        if hits.any() and weight[i] > 0:
            values.append(1 / (1 + np.argmax(hits)))
            weights.append(weight[i])
    return np.average(values, weights=weights)


SPECS = [
    MetricSpec(
        RetrievalMRR,
        kwargs={"dim": 5, "distance": "euclidean", "capacity": 130, "overflow": "latest"},
        y_true=lambda rng: rng.integers(0, 12, 60),
        y_pred=lambda rng: rng.normal(size=(60, 5)).astype("float32"),
        reference=mean,
    )
]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "dot"])
def test_several_blocks_of_queries(distance):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 40, 700)
    points = rng.normal(size=(700, 6)).astype("float32")
    metric = RetrievalMRR(6, distance=distance, capacity=701)
    for part in np.array_split(np.arange(700), 9):
        metric.update_state(y_true[part, None], points[part])
    np.testing.assert_allclose(metric.result(), mean(y_true, points, None, distance), rtol=1e-5)


def test_collapsed_embeddings_look_no_better_than_the_order_of_arrival():
    y_true = np.arange(50) % 5
    points = np.ones((50, 3), "float32")
    metric = RetrievalMRR(3, capacity=50)
    metric.update_state(y_true, points)
    np.testing.assert_allclose(metric.result(), mean(y_true, points, None), rtol=1e-6)


def test_duplicates_are_found_but_never_the_query_itself():
    metric = RetrievalMRR(1, distance="euclidean", capacity=10)
    metric.update_state([0, 0, 1], [[1.0], [1.0], [9.0]])
    assert float(metric.result()) == 1.0


def test_another_size_of_embeddings_is_refused():
    with pytest.raises(ValueError, match=r"`y_pred` must be embeddings of shape \(N, 4\)"):
        RetrievalMRR(4).update_state([0, 1], [[1.0], [2.0]])

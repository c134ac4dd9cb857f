"""Share of queries with a relevant example among the k nearest."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._retrieval import Retrieval, nearest


@register
class RetrievalHitRate(Retrieval):
    """Share of queries with a relevant example among the k nearest.

    The "Recall@K" of the metric-learning literature. `mlkit.metrics.RetrievalRecall` is the recall
    of information retrieval.

    Each example is a query that searches all the others of the same pass (never itself) by its
    embedding; those with its label are relevant. Queries without a relevant example are left out,
    weight 0 takes an example out altogether, other weights weigh the queries. Equal distances
    count in the order of arrival. The full matrix of distances is never built.

    Labels have shape `(N,)` or `(N, 1)`, embeddings `(N, dim)`.

    Args:
        dim: size of the embeddings, at least 1.
        k: how many of the nearest are looked at, at least 1. Default 1.
        distance: what is near: `"cosine"` (default), `"euclidean"`, or `"dot"` for the largest
            product.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 10,000. Memory: capacity × dim × 8 bytes, and a further
            256 × capacity × 8 in `result()`.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"retrieval_hit_rate"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also NaN in
            the embeddings, or more examples than there is room for. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.RetrievalHitRate(2, capacity=4)
        >>> metric.update_state([0, 0, 1, 1], [[1, 0], [1, 0.1], [0, 1], [1, 0.2]])
        >>> round(float(metric.result()), 4)
        0.5

    Reference:
        Jégou, Douze & Schmid, 2011, https://doi.org/10.1109/TPAMI.2010.57; `precision_at_1` of
        pytorch-metric-learning with k = 1.
    """

    def __init__(
        self,
        dim: int,
        k: int = 1,
        *,
        distance: str = "cosine",
        capacity: int = 10_000,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dim, distance=distance, capacity=capacity, overflow=overflow, name=name, **kwargs
        )
        check_integer("k", k, low=1)
        self.k = k

    def _score(self, closeness: Tensor, same: Tensor, relevant: Tensor) -> Tensor:
        return ops.max(nearest(closeness, same, self.k), axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "k": self.k}

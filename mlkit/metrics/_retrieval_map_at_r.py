"""Mean average precision at R, the number of relevant examples."""

from keras import ops

from mlkit._core.guard import is_known
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._retrieval import Retrieval, nearest


@register
class RetrievalMAPAtR(Retrieval):
    """Mean average precision at R, the number of relevant examples.

    (1 / R) Σ P(i) over the ranks i ≤ R of relevant examples, where P(i) is the precision at i. It
    looks at the order of all relevant ones, not at the nearest alone.

    Each example is a query that searches all the others of the same pass (never itself) by its
    embedding; those with its label are relevant. Queries without a relevant example are left out,
    weight 0 takes an example out altogether, other weights weigh the queries. Equal distances
    count in the order of arrival. The full matrix of distances is never built.

    Labels have shape `(N,)` or `(N, 1)`, embeddings `(N, dim)`.

    Args:
        dim: size of the embeddings, at least 1.
        distance: what is near: `"cosine"` (default), `"euclidean"`, or `"dot"` for the largest
            product.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 10,000. Memory: capacity × dim × 8 bytes, and a further
            256 × capacity × 8 in `result()`.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"retrieval_map_at_r"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also NaN in
            the embeddings, or more examples than there is room for. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.RetrievalMAPAtR(2, capacity=4)
        >>> metric.update_state([0, 0, 1, 1], [[1, 0], [1, 0.1], [0, 1], [1, 0.2]])
        >>> round(float(metric.result()), 4)
        0.5

    Reference:
        Musgrave, Belongie & Lim, 2020, https://arxiv.org/abs/2003.08505;
        `mean_average_precision_at_r` of pytorch-metric-learning.
    """

    def _score(self, closeness: Tensor, same: Tensor, relevant: Tensor) -> Tensor:
        # No more than R are looked at; in a graph R is not known, and all are put in order.
        most = int(ops.max(relevant)) if is_known(relevant) else closeness.shape[-1]
        hits = nearest(closeness, same, max(most, 1))
        rank = ops.arange(1, hits.shape[-1] + 1, dtype="float32")
        counted = hits * ops.cast(rank <= ops.cast(relevant, "float32")[:, None], "float32")
        precision = ops.cumsum(hits, axis=-1) / rank
        total = ops.sum(counted * precision, axis=-1)
        return total / ops.cast(ops.maximum(relevant, 1), "float32")

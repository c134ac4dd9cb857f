"""Mean reciprocal rank of the nearest relevant example."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._retrieval import Retrieval


@register
class RetrievalMRR(Retrieval):
    """Mean reciprocal rank of the nearest relevant example.

    1 where the nearest example is relevant, 1/2 where the second is the first relevant one, …

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
        name: of the metric. Default `"retrieval_mrr"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also NaN in
            the embeddings, or more examples than there is room for. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.RetrievalMRR(2, capacity=4)
        >>> metric.update_state([0, 0, 1, 1], [[1, 0], [1, 0.1], [0, 1], [1, 0.2]])
        >>> round(float(metric.result()), 4)
        0.7083

    Reference:
        Voorhees, 1999, "The TREC-8 Question Answering Track Report";
        `torchmetrics.retrieval.RetrievalMRR`.
    """

    def _score(self, closeness: Tensor, same: Tensor, relevant: Tensor) -> Tensor:
        best = ops.where(same, closeness, ops.full_like(closeness, float("-inf")))
        first = ops.argmax(best, axis=-1)
        best = ops.max(best, axis=-1, keepdims=True)
        older = ops.arange(closeness.shape[-1]) < ops.cast(first, "int32")[:, None]
        before = ops.logical_or(closeness > best, ops.logical_and(closeness == best, older))
        return 1.0 / (1.0 + ops.sum(ops.cast(before, "float32"), axis=-1))

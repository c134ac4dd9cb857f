"""Multi-similarity loss with its mining."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss, pairs
from mlkit.losses._values import of_batch, predictions
from mlkit.ops._unit_vectors import unit_vectors


@register
def multi_similarity_loss(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    mining_margin: float | None = 0.1,
) -> Tensor:
    """Multi-similarity loss.

    For each anchor `1/α log(1 + Σ_p exp(-α (s_p - λ))) + 1/β log(1 + Σ_n exp(β (s_n - λ)))`, with s
    the cosine similarity to its positives p and negatives n and λ the base. Mining keeps positives
    with `s_p < max_n s_n + margin` and negatives with `s_n > min_p s_p - margin`.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`; brought to unit length here.
        alpha: α > 0. Default: 2.
        beta: β > 0. Default: 50.
        base: λ, the similarity that divides positives from negatives. Default: 0.5.
        mining_margin: margin ≥ 0 of the mining, None for all pairs. Default: 0.1.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 for an anchor without pairs.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> np.array(mk.losses.multi_similarity_loss([0, 0, 1, 1], embeddings)).round(3).tolist()
    [0.0, 0.679, 0.679, 0.0]

    Reference:
        Wang et al., 2019, https://arxiv.org/abs/1904.06627.
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    unit = unit_vectors(y_pred)
    similarity = ops.matmul(unit, ops.transpose(unit))
    if mining_margin is not None:
        fixed = ops.stop_gradient(similarity)
        lowest = ops.min(ops.where(positive, fixed, float("inf")), axis=1, keepdims=True)
        highest = ops.max(ops.where(negative, fixed, -float("inf")), axis=1, keepdims=True)
        positive = ops.logical_and(positive, fixed < highest + mining_margin)
        negative = ops.logical_and(negative, fixed > lowest - mining_margin)
    pull = _log_one_plus_sum(-alpha * (similarity - base), positive) / alpha
    push = _log_one_plus_sum(beta * (similarity - base), negative) / beta
    return of_batch(pull + push, y_pred, dtype)


def _log_one_plus_sum(x: Tensor, mask: Tensor) -> Tensor:
    """log(1 + Σ exp x) over what the mask keeps, a row; 0 for an empty one."""
    kept = ops.where(mask, x, -float("inf"))
    top = ops.stop_gradient(ops.maximum(ops.max(kept, axis=1, keepdims=True), 0.0))
    terms = ops.where(mask, ops.exp(ops.where(mask, x - top, 0.0)), 0.0)
    return ops.log(ops.exp(-top[:, 0]) + ops.sum(terms, axis=1)) + top[:, 0]


@register
class MultiSimilarityLoss(EmbeddingLoss):
    """Multi-similarity loss.

    See `mlkit.losses.multi_similarity_loss`. Under a `tf.distribute` strategy the pairs are those
    of the replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        alpha: steepness for positives, > 0. Default: 2.
        beta: steepness for negatives, > 0. Default: 50.
        base: similarity that divides positives from negatives. Default: 0.5.
        mining_margin: margin ≥ 0 of the mining, None for all pairs. Default: 0.1.
        across_replicas: whether pairs are made with the examples of all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> loss = mk.losses.MultiSimilarityLoss(mining_margin=None)
    >>> round(float(loss(np.array([0, 0, 1, 1]), embeddings)), 4)
    0.4988
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        mining_margin: float | None = 0.1,
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("alpha", alpha, low=0.0, open_low=True)
        check_number("beta", beta, low=0.0, open_low=True)
        check_number("base", base)
        if mining_margin is not None:
            check_number("mining_margin", mining_margin, low=0.0)
        self.alpha = alpha
        self.beta = beta
        self.base = base
        self.mining_margin = mining_margin

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return multi_similarity_loss(
            y_true, y_pred, self.alpha, self.beta, self.base, self.mining_margin
        )

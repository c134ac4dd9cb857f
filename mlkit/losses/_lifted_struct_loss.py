"""Lifted structured loss."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss, distances, pairs, spread
from mlkit.losses._values import of_batch, predictions
from mlkit.ops._masked_logsumexp import masked_logsumexp


@register
def lifted_struct_loss(y_true: Tensor, y_pred: Tensor, margin: float = 1.0) -> Tensor:
    """Lifted structured loss.

    For each pair (i, j) of one label `½ max(J, 0)²` with `J = d_ij + log(Σ_k exp(margin - d_ik) +
    Σ_l exp(margin - d_jl))`, where k and l are the negatives of i and of j and d is the Euclidean
    distance. The values are scaled so that their mean is the mean over all pairs.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`, not brought to unit length.
        margin: distance wanted, ≥ 0. Default: 1.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 in a batch without pairs, or with one
        label only.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> np.array(mk.losses.lifted_struct_loss([0, 0, 1, 1], embeddings)).round(3).tolist()
    [1.79, 1.79, 5.753, 5.753]

    Reference:
        Song et al., 2016, Deep metric learning via lifted structured feature embedding,
        https://arxiv.org/abs/1511.06452.
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    matrix = distances(y_pred, "L2")
    rows = masked_logsumexp(margin - matrix, negative, axis=1)
    some = ops.any(negative, axis=1)
    rows = ops.where(some, rows, 0.0)
    counted = ops.logical_and(positive, ops.logical_and(some[:, None], some[None, :]))
    lifted = ops.relu(matrix + ops.logaddexp(rows[:, None], rows[None, :]))
    sums = ops.sum(ops.where(counted, 0.5 * lifted * lifted, 0.0), axis=1)
    return of_batch(spread(sums, ops.sum(ops.cast(counted, "float32"))), y_pred, dtype)


@register
class LiftedStructLoss(EmbeddingLoss):
    """Lifted structured loss.

    See `mlkit.losses.lifted_struct_loss`. Under a `tf.distribute` strategy the negatives are those
    of the replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        margin: distance wanted, ≥ 0. Default: 1.
        across_replicas: whether pairs are made with the examples of all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> round(float(mk.losses.LiftedStructLoss()(np.array([0, 0, 1, 1]), embeddings)), 3)
    3.772
    """

    def __init__(self, margin: float = 1.0, across_replicas: bool = False, **kwargs: Any):
        super().__init__(across_replicas, **kwargs)
        check_number("margin", margin, low=0.0)
        self.margin = margin

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return lifted_struct_loss(y_true, y_pred, self.margin)

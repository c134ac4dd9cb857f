"""Normalised temperature-scaled cross-entropy over positive pairs."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._embedding_loss import EmbeddingLoss, pairs, spread
from mlkit.losses._values import of_batch, predictions
from mlkit.ops._masked_logsumexp import masked_logsumexp
from mlkit.ops._unit_vectors import unit_vectors


@register
def nt_xent_loss(y_true: Tensor, y_pred: Tensor, temperature: float | Tensor = 0.07) -> Tensor:
    """Normalised temperature-scaled cross-entropy (NT-Xent) over positive pairs.

    For each pair (i, p) of one label `-log(exp(s_ip / t) / (exp(s_ip / t) + Σ_n exp(s_in / t)))`,
    with s the cosine similarity and n the examples of other labels. Unlike
    `mlkit.losses.sup_con_loss`, the other positives do not stand in the denominator. With two views
    of each image and the image's index as its label both are the loss of SimCLR.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`; brought to unit length here.
        temperature: t > 0, a number or a scalar tensor. Default: 0.07.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`, scaled so that the mean is the mean over
        all pairs; 0 in a batch without pairs.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> loss = mk.losses.nt_xent_loss([0, 0, 1, 1], embeddings, temperature=1.0)
    >>> np.array(loss).round(4).tolist()
    [0.5514, 0.5514, 0.5514, 0.5514]

    Reference:
        Chen et al., 2020, SimCLR, https://arxiv.org/abs/2002.05709.
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    unit = unit_vectors(y_pred)
    similarity = ops.matmul(unit, ops.transpose(unit)) / temperature
    log_negatives = masked_logsumexp(similarity, negative, axis=1)[:, None]
    # log(1 + exp(log_negatives - s)); without negatives the exponent is -inf and the cost 0.
    some = ops.isfinite(log_negatives)
    gap = ops.where(some, log_negatives, 0.0) - similarity
    costs = ops.where(ops.logical_and(positive, some), ops.softplus(gap), 0.0)
    number = ops.sum(ops.cast(positive, similarity.dtype))
    return of_batch(spread(ops.sum(costs, axis=1), number), y_pred, dtype)


@register
class NTXentLoss(EmbeddingLoss):
    """Normalised temperature-scaled cross-entropy (NT-Xent) over positive pairs.

    See `mlkit.losses.nt_xent_loss`. Under a `tf.distribute` strategy the negatives are those of the
    replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        temperature: number > 0 that similarities are divided by. Default: 0.07.
        across_replicas: whether negatives are taken from all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.NTXentLoss(temperature=1.0)
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> round(float(loss(np.array([0, 0, 1, 1]), embeddings)), 4)
    0.5514
    """

    def __init__(self, temperature: float = 0.07, across_replicas: bool = False, **kwargs: Any):
        super().__init__(across_replicas, **kwargs)
        check_number("temperature", temperature, low=0.0, open_low=True)
        self.temperature = temperature

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return nt_xent_loss(y_true, y_pred, self.temperature)

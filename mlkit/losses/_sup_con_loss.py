"""Supervised contrastive loss."""

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
def sup_con_loss(y_true: Tensor, y_pred: Tensor, temperature: float | Tensor = 0.1) -> Tensor:
    """Supervised contrastive loss.

    For each anchor i with the positives P(i), `-1/|P(i)| Σ_p log(exp(s_ip / t) / Σ_k exp(s_ik /
    t))`, with s the cosine similarity and k all others. Anchors without positives are left out; the
    values are scaled so that their mean is the mean over the others. With two views of each
    image and the image's index as its label this is the loss of SimCLR.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`; brought to unit length here.
        temperature: t > 0, a number or a scalar tensor. Default: 0.1.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 in a batch without pairs.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> loss = mk.losses.sup_con_loss([0, 0, 1, 1], embeddings, temperature=1.0)
    >>> np.array(loss).round(4).tolist()
    [0.5514, 0.5514, 0.5514, 0.5514]

    Reference:
        Khosla et al., 2020, Supervised contrastive learning, https://arxiv.org/abs/2004.11362 (the
        form with the sum outside the logarithm).
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    unit = unit_vectors(y_pred)
    similarity = ops.matmul(unit, ops.transpose(unit)) / temperature
    log_all = masked_logsumexp(similarity, ops.logical_or(positive, negative), axis=1)
    number = ops.sum(ops.cast(positive, similarity.dtype), axis=1)
    counted = number > 0
    log_all = ops.where(counted, log_all, 0.0)
    costs = ops.where(positive, log_all[:, None] - similarity, 0.0)
    values = ops.sum(costs, axis=1) / ops.maximum(number, 1.0)
    return of_batch(spread(values, ops.sum(ops.cast(counted, "float32"))), y_pred, dtype)


@register
class SupConLoss(EmbeddingLoss):
    """Supervised contrastive loss.

    See `mlkit.losses.sup_con_loss`. Under a `tf.distribute` strategy an anchor is compared with the
    replica's own share of the batch, or with all replicas' with `across_replicas`.

    Args:
        temperature: number > 0 that similarities are divided by. Default: 0.1.
        across_replicas: whether anchors are compared with the examples of all replicas. Default:
            False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.SupConLoss(temperature=1.0)
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> round(float(loss(np.array([0, 0, 1, 1]), embeddings)), 4)
    0.5514
    """

    def __init__(self, temperature: float = 0.1, across_replicas: bool = False, **kwargs: Any):
        super().__init__(across_replicas, **kwargs)
        check_number("temperature", temperature, low=0.0, open_low=True)
        self.temperature = temperature

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sup_con_loss(y_true, y_pred, self.temperature)

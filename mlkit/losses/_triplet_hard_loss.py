"""Triplet loss with the hardest positive and negative of each anchor."""

from collections.abc import Callable
from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.losses._embedding_loss import (
    EmbeddingLoss,
    check_distance,
    distances,
    pairs,
    restore_distance,
    serialise_distance,
    spread,
)
from mlkit.losses._values import of_batch, predictions


@register
def triplet_hard_loss(
    y_true: Tensor,
    y_pred: Tensor,
    margin: float = 1.0,
    soft: bool = False,
    distance_metric: str | Callable[[Tensor], Tensor] = "L2",
) -> Tensor:
    """Triplet loss with the hardest positive and negative of each anchor.

    `max(max_p d(a, p) - min_n d(a, n) + margin, 0)`, or with `soft` the smooth
    `log(1 + exp(max_p d(a, p) - min_n d(a, n)))`, which has no margin. Anchors without a positive
    or without a negative are left out; the values are scaled so that their mean is the mean over
    the others.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`.
        margin: distance wanted, ≥ 0; not used with `soft`. Default: 1.
        soft: whether the hinge is replaced by softplus. Default: False.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (1 - cosine), or a function from
            embeddings to the `(N, N)` matrix of distances. Default: `"L2"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 in a batch without triplets.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> np.array(mk.losses.triplet_hard_loss([0, 0, 1, 1], embeddings)).round(3).tolist()
    [0.5, 1.5, 3.0, 0.5]

    Reference:
        Hermans et al., 2017, In defense of the triplet loss, https://arxiv.org/abs/1703.07737.
        Differs from TensorFlow Addons, which takes distance 0 for a positive that is not there.
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    matrix = distances(y_pred, distance_metric)
    infinite = ops.cast(float("inf"), matrix.dtype)
    counted = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
    hardest = ops.max(ops.where(positive, matrix, -infinite), axis=1)
    nearest = ops.min(ops.where(negative, matrix, infinite), axis=1)
    # The infinite difference of an anchor that is left out must not reach softplus' gradient.
    gap = ops.where(counted, hardest, 0.0) - ops.where(counted, nearest, 0.0)
    value = ops.softplus(gap) if soft else ops.maximum(gap + margin, 0.0)
    value = ops.where(counted, value, 0.0)
    return of_batch(spread(value, ops.sum(ops.cast(counted, "float32"))), y_pred, dtype)


@register
class TripletHardLoss(EmbeddingLoss):
    """Triplet loss with the hardest positive and negative of each anchor.

    See `mlkit.losses.triplet_hard_loss`. Under a `tf.distribute` strategy the candidates are those
    of the replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        margin: distance wanted between positives and negatives, ≥ 0. Default: 1.
        soft: whether the hinge is replaced by softplus. Default: False.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function from embeddings to
            distances (registered, if the loss is to be saved). Default: `"L2"`.
        across_replicas: whether candidates are taken from all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.TripletHardLoss(soft=True)
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> round(float(loss(np.array([0, 0, 1, 1]), embeddings)), 4)
    1.0123
    """

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        distance_metric: str | Callable[[Tensor], Tensor] = "L2",
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("margin", margin, low=0.0)
        check_bool("soft", soft)
        distance_metric = restore_distance(distance_metric)
        check_distance(distance_metric)
        self.margin = margin
        self.soft = soft
        self.distance_metric = distance_metric

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return triplet_hard_loss(y_true, y_pred, self.margin, self.soft, self.distance_metric)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "distance_metric": serialise_distance(self.distance_metric),
        }

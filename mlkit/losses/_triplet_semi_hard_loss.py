"""Triplet loss with semi-hard negatives, without the cube of all triplets."""

from collections.abc import Callable
from typing import Any

# keras.ops searches one sorted sequence at a time, and gathers a row at a time by slow indices.
import tensorflow as tf
from keras import ops

from mlkit._core.checks import check_number
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
def triplet_semihard_loss(
    y_true: Tensor,
    y_pred: Tensor,
    margin: float = 1.0,
    distance_metric: str | Callable[[Tensor], Tensor] = "L2",
) -> Tensor:
    """Triplet loss with semi-hard negatives.

    For each pair (a, p) of one label, `max(d(a, p) - d(a, n) + margin, 0)`, where n is the nearest
    example of another label that is farther from a than p is; where there is none, the farthest of
    another label. The values are scaled so that their mean is the mean over all pairs.

    One sort of each row and one search in it find all negatives: O(N² log N) in time and O(N²) in
    memory for a batch of N.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: embeddings of shape `(N, width)`, usually of unit length.
        margin: distance wanted between p and n, ≥ 0. Default: 1.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (1 - cosine), or a function from
            embeddings to the `(N, N)` matrix of distances. Default: `"L2"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`: the sum over the pairs of each anchor,
        times N over the number of pairs. 0 in a batch without pairs, or with one label only.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> np.array(mk.losses.triplet_semihard_loss([0, 0, 1, 1], embeddings)).round(3).tolist()
    [0.5, 0.0, 2.0, 0.5]

    Reference:
        Schroff et al., 2015, FaceNet, https://arxiv.org/abs/1503.03832. Differs from TensorFlow
        Addons in a batch without pairs (0, not NaN) and with one label only (0), and in that it
        gives one value an anchor.
    """
    y_pred, dtype = predictions(y_pred)
    positive, negative = pairs(y_true, y_pred)
    matrix = distances(y_pred, distance_metric)
    chosen, exists = _semihard(matrix, negative)
    hinge = ops.maximum(matrix - chosen + margin, 0.0)
    counted = ops.logical_and(positive, exists)
    sums = ops.sum(ops.where(counted, hinge, 0.0), axis=1)
    return of_batch(spread(sums, ops.sum(ops.cast(counted, "float32"))), y_pred, dtype)


def _semihard(matrix: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """For each (a, p) the distance from a to its semi-hard negative; whether a has negatives."""
    fixed = ops.stop_gradient(matrix)
    keys = ops.where(negative, -fixed, -float("inf"))
    # Values and places of the sorted rows from one operation, the nearest negative first.
    ranked, order = ops.top_k(keys, keys.shape[1] or ops.shape(keys)[1])
    count = ops.sum(ops.cast(negative, "int32"), axis=1, keepdims=True)
    # side="right": the first negative that is strictly farther than p.
    place = tf.searchsorted(-ranked, fixed, side="right")
    place = ops.maximum(ops.minimum(place, count - 1), 0)  # none is farther: the farthest
    index = tf.gather(order, place, batch_dims=1)
    return tf.gather(matrix, index, batch_dims=1), count > 0


@register
class TripletSemiHardLoss(EmbeddingLoss):
    """Triplet loss with semi-hard negatives.

    See `mlkit.losses.triplet_semihard_loss`. Under a `tf.distribute` strategy the negatives are
    those of the replica's own share of the batch, or of all replicas with `across_replicas`.

    Args:
        margin: distance wanted between positives and negatives, ≥ 0. Default: 1.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function from embeddings to
            distances (registered, if the loss is to be saved). Default: `"L2"`.
        across_replicas: whether negatives are taken from all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.TripletSemiHardLoss(margin=0.5)
    >>> embeddings = np.array([[0.0], [1.0], [1.5], [4.0]])
    >>> round(float(loss(np.array([0, 0, 1, 1]), embeddings)), 4)
    0.375
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance_metric: str | Callable[[Tensor], Tensor] = "L2",
        across_replicas: bool = False,
        **kwargs: Any,
    ):
        super().__init__(across_replicas, **kwargs)
        check_number("margin", margin, low=0.0)
        distance_metric = restore_distance(distance_metric)
        check_distance(distance_metric)
        self.margin = margin
        self.distance_metric = distance_metric

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return triplet_semihard_loss(y_true, y_pred, self.margin, self.distance_metric)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "distance_metric": serialise_distance(self.distance_metric),
        }

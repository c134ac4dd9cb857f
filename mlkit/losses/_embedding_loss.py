"""What the losses share that compare the embeddings of a batch with one another."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_choice
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_rank, check_same_shape
from mlkit.ops._gather_across_replicas import gather_across_replicas
from mlkit.ops._pairwise_distances import pairwise_distances

DISTANCES = {"L2": "euclidean", "squared-L2": "squared_euclidean", "angular": "cosine"}


def check_distance(distance_metric: str | Callable[[Tensor], Tensor]) -> None:
    """Raise `ValueError` unless it is one of the three names or a function."""
    if not callable(distance_metric):
        check_choice("distance_metric", distance_metric, DISTANCES)


def distances(embeddings: Tensor, distance_metric: str | Callable[[Tensor], Tensor]) -> Tensor:
    """The matrix of distances between the rows, by TensorFlow Addons' names or by a function."""
    if callable(distance_metric):
        return distance_metric(embeddings)
    check_distance(distance_metric)
    return pairwise_distances(embeddings, metric=DISTANCES[distance_metric])


def pairs(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of a batch have the same label, without and which have another, as (N, N)."""
    check_rank("y_pred", y_pred, 2, "embeddings of shape (N, width)")
    labels: Tensor = ops.convert_to_tensor(y_true)
    if len(labels.shape) == 2 and labels.shape[1] == 1:
        labels = ops.squeeze(labels, axis=1)
    check_rank("y_true", labels, 1, "one label an example, of shape (N,) or (N, 1)")
    check_same_shape("y_true", labels.shape, "y_pred without its width", y_pred.shape[:1])
    same = ops.equal(labels[:, None], labels[None, :])
    itself = ops.eye(ops.shape(labels)[0], dtype="bool")
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


def spread(sums: Tensor, count: Tensor) -> Tensor:
    """Per-anchor sums, scaled so that their mean over the batch is their total over `count`.

    With nothing to count the total is 0, and so is every value.
    """
    size = ops.cast(ops.shape(sums)[0], sums.dtype)
    return sums * (size / ops.maximum(ops.cast(count, sums.dtype), 1.0))


class EmbeddingLoss(BaseLoss):
    """A loss on embeddings of shape (N, ...) in which every example is compared with the others.

    Args:
        across_replicas: whether examples are compared with those of all replicas. Default: False.
        **kwargs: as for `keras.losses.Loss`.
    """

    def __init__(self, across_replicas: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        check_bool("across_replicas", across_replicas)
        self.across_replicas = across_replicas

    def compare(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value an example; to be implemented."""
        raise NotImplementedError

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if not self.across_replicas:
            return self.compare(y_true, y_pred)
        # Every replica computes the values of the whole batch and keeps those of its own share: the
        # mean over replicas of their means is then the value that one device would find.
        size = ops.shape(y_pred)[0]
        everything, start = gather_across_replicas(y_pred)
        values = self.compare(gather_across_replicas(y_true)[0], everything)
        own = ops.slice(values, (start,), (size,))
        return ops.reshape(own, (size,)) if y_pred.shape[0] is None else own


def serialise_distance(distance_metric: Any) -> Any:
    """A distance as a configuration holds it."""
    if callable(distance_metric):
        return keras.saving.serialize_keras_object(distance_metric)
    return distance_metric


def restore_distance(distance_metric: Any) -> Any:
    """The inverse of `serialise_distance`."""
    if isinstance(distance_metric, dict):
        return keras.saving.deserialize_keras_object(distance_metric)
    return distance_metric

"""N-pairs loss of a matrix of similarities."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_rank, check_same_shape, of_batch, predictions


@register
def npairs_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """N-pairs loss of a matrix of similarities.

    The cross-entropy between the softmax of each row and the uniform distribution over the columns
    that have the row's label.

    Args:
        y_true: labels of shape `(N,)` or `(N, 1)`.
        y_pred: similarities of shape `(N, N)`, anchors by positives, such as `a @ p.T`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Raises:
        ValueError: `y_pred` is not square, or the labels are not N.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.npairs_loss([0, 1], np.eye(2))).round(4).tolist()
    [0.3133, 0.3133]

    Reference:
        Sohn, 2016, Improved deep metric learning with multi-class N-pair loss objective, NeurIPS.
        Differs from TensorFlow Addons in that it gives one value an anchor.
    """
    y_pred, dtype = predictions(y_pred)
    labels: Tensor = ops.convert_to_tensor(y_true)
    if len(labels.shape) == 2 and labels.shape[1] == 1:
        labels = ops.squeeze(labels, axis=1)
    check_rank("y_true", labels, 1, "one label an example, of shape (N,) or (N, 1)")
    same = ops.cast(ops.equal(labels[:, None], labels[None, :]), y_pred.dtype)
    return of_batch(row_crossentropy(same, y_pred), y_pred, dtype)


def row_crossentropy(alike: Tensor, logits: Tensor) -> Tensor:
    """Cross-entropy of the softmax of each row with the row of `alike`, scaled to the sum 1."""
    check_same_shape("y_pred", logits.shape, "the matrix of pairs", alike.shape)
    total = ops.sum(alike, axis=1, keepdims=True)
    share = alike / ops.where(total > 0, total, 1.0)
    return -ops.sum(share * ops.log_softmax(logits, axis=1), axis=1)


@register
class NpairsLoss(BaseLoss):
    """N-pairs loss of a matrix of similarities.

    See `mlkit.losses.npairs_loss`. The matrix is the model's output: under a `tf.distribute`
    strategy it holds the replica's own share of the batch. For negatives of all replicas see
    `mlkit.losses.InfoNCELoss`.

    Args:
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> round(float(mk.losses.NpairsLoss()(np.array([0, 1]), np.eye(2))), 4)
    0.3133
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return npairs_loss(y_true, y_pred)

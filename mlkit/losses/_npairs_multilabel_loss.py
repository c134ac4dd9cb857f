"""N-pairs loss for examples with several labels."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._npairs_loss import row_crossentropy
from mlkit.losses._values import check_rank, of_batch, predictions


@register
def npairs_multilabel_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """N-pairs loss for examples with several labels.

    The cross-entropy between the softmax of each row and the number of labels that row and column
    share, scaled to the sum 1. A row that shares labels with none (not even itself) has loss 0.

    Args:
        y_true: labels of shape `(N, labels)`, 1 where an example has the label and 0 elsewhere.
        y_pred: similarities of shape `(N, N)`, anchors by positives.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Raises:
        ValueError: `y_pred` is not square, or the labels are not N.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> labels = np.array([[1, 0, 1], [0, 1, 1]])
    >>> np.array(mk.losses.npairs_multilabel_loss(labels, np.eye(2))).round(4).tolist()
    [0.6466, 0.6466]

    Reference:
        Sohn, 2016, Improved deep metric learning with multi-class N-pair loss objective, NeurIPS;
        the form for several labels is that of TensorFlow Addons, here with one value an anchor.
    """
    y_pred, dtype = predictions(y_pred)
    labels = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    check_rank("y_true", labels, 2, "0 and 1 of shape (N, labels)")
    shared = ops.matmul(labels, ops.transpose(labels))
    return of_batch(row_crossentropy(shared, y_pred), y_pred, dtype)


@register
class NpairsMultilabelLoss(BaseLoss):
    """N-pairs loss for examples with several labels.

    See `mlkit.losses.npairs_multilabel_loss`. The matrix is the model's output: under a
    `tf.distribute` strategy it holds the replica's own share of the batch.

    Args:
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> labels = np.array([[1, 0, 1], [0, 1, 1]])
    >>> round(float(mk.losses.NpairsMultilabelLoss()(labels, np.eye(2))), 4)
    0.6466
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return npairs_multilabel_loss(y_true, y_pred)

"""Ordinal regression with one logit a threshold."""

from typing import Any

from keras import ops

from mlkit._core.guard import nan_unless
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_same_shape, per_example, predictions


@register
def coral_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Ordinal regression with one logit a threshold (CORAL).

    With K ordered classes and K - 1 logits, `Σ_k softplus(l_k) - [y > k] l_k`: the sum of the
    binary cross-entropies of "the class is above k". The predicted class is the number of positive
    logits. Logits that share their weights and differ by a bias each never contradict one another.

    Args:
        y_true: class indices from 0 to K - 1, of shape `y_pred.shape[:-1]`, or with 1 last.
        y_pred: logits of shape `(..., K - 1)`.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.coral_loss([0, 2], np.zeros((2, 2)))).round(4).tolist()
    [1.3863, 1.3863]

    Reference:
        Cao et al., 2020, Rank consistent ordinal regression, https://arxiv.org/abs/1901.07884.
    """
    y_pred, dtype = predictions(y_pred)
    labels = ops.cast(ops.convert_to_tensor(y_true), "int32")
    if len(labels.shape) == len(y_pred.shape) - 1:
        labels = ops.expand_dims(labels, axis=-1)
    check_same_shape("y_true", labels.shape, "y_pred, 1 last", (*y_pred.shape[:-1], 1))
    thresholds = y_pred.shape[-1]
    above = ops.cast(labels > ops.arange(thresholds, dtype="int32"), y_pred.dtype)
    values = ops.sum(ops.softplus(y_pred) - above * y_pred, axis=-1)
    inside = ops.squeeze(ops.logical_and(labels >= 0, labels <= thresholds), axis=-1)
    message = f"`y_true` must hold classes from 0 to {thresholds}."
    return per_example(nan_unless(inside, values, message), y_pred, dtype)


@register
class CoralLoss(BaseLoss):
    """Ordinal regression with one logit a threshold (CORAL).

    See `mlkit.losses.coral_loss`.

    Args:
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> round(float(mk.losses.CoralLoss()(np.array([0, 2]), np.zeros((2, 2)))), 4)
    1.3863
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return coral_loss(y_true, y_pred)

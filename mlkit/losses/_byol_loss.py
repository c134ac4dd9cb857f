"""Squared distance of directions, to a teacher that gets no gradient."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like
from mlkit.losses._views import cosine


@register
def byol_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Squared distance between the directions of a student's and a teacher's vectors.

    `2 - 2 cos(y_true, y_pred) = |y_true / |y_true| - y_pred / |y_pred||²`, without gradient to the
    teacher. For two views, add the loss of both orders.

    Args:
        y_true: the teacher's projections, of the shape of `y_pred`.
        y_pred: the student's predictions, of shape `(..., width)`.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`, in [0, 4].

    Raises:
        ValueError: `y_pred` has no axis of vectors, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.byol_loss(np.eye(2), np.array([[3.0, 0.0], [1.0, 0.0]]))).tolist()
    [0.0, 2.0]

    Reference:
        Grill et al., 2020, Bootstrap your own latent, https://arxiv.org/abs/2006.07733.
    """
    y_pred, dtype = predictions(y_pred)
    if len(y_pred.shape) < 2:
        raise ValueError(
            "`y_pred` must hold vectors, of shape (..., width). Received: y_pred of shape "
            f"{tuple(y_pred.shape)}"
        )
    y_true = ops.stop_gradient(targets_like(y_true, y_pred))
    return per_example(2.0 - 2.0 * cosine(y_true, y_pred), y_pred, dtype)


@register
class BYOLLoss(BaseLoss):
    """Squared distance between the directions of a student's and a teacher's vectors.

    See `mlkit.losses.byol_loss`. Examples are not compared with one another, so that replicas make
    no difference.

    Args:
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> float(mk.losses.BYOLLoss()(np.eye(2), np.array([[3.0, 0.0], [1.0, 0.0]])))
    1.0
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return byol_loss(y_true, y_pred)

"""A smooth absolute error."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like


@register
def charbonnier_loss(y_true: Tensor, y_pred: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Smooth absolute error (Charbonnier), averaged over the last axis.

    `√((y - p)² + ε²)`: the absolute error far from zero, quadratic within ε of it.

    Args:
        y_true: labels of the shape of `y_pred`.
        y_pred: predictions of shape `(..., d)`.
        epsilon: ε > 0, in the unit of y; outside of the square it is not squared again. Default:
            1e-3.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`. The square is taken in
        float32: ε² is zero in float16.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.charbonnier_loss(np.zeros((1, 2)), np.array([[3.0, 0.0]]), epsilon=4.0)
    >>> np.array(loss).tolist()
    [4.5]

    Reference:
        Charbonnier et al., 1994, https://doi.org/10.1109/ICIP.1994.413553.
    """
    y_pred, dtype = predictions(y_pred)
    error = targets_like(y_true, y_pred) - y_pred
    values = ops.mean(ops.sqrt(error * error + epsilon * epsilon), axis=-1)
    return per_example(values, y_pred, dtype)


@register
class CharbonnierLoss(BaseLoss):
    """Smooth absolute error (Charbonnier), averaged over the last axis.

    See `mlkit.losses.charbonnier_loss`.

    Args:
        epsilon: distance from zero within which the loss is quadratic, > 0. Default: 1e-3.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.CharbonnierLoss(epsilon=4.0)
    >>> float(loss(np.zeros((1, 2)), np.array([[3.0, 0.0]])))
    4.5
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any):
        super().__init__(**kwargs)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.epsilon = epsilon

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return charbonnier_loss(y_true, y_pred, self.epsilon)

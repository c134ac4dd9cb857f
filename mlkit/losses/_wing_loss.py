"""Loss of landmark coordinates that weighs small errors."""

import math
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like


@register
def wing_loss(
    y_true: Tensor, y_pred: Tensor, width: float = 10.0, curvature: float = 2.0
) -> Tensor:
    """Loss of landmark coordinates that weighs small errors.

    Averaged over the last axis. With `x = |y - p|`: `w log(1 + x / ε)` for x < w, and `x - C`
    beyond, where `C = w - w log(1 + w / ε)` joins the two pieces.

    Args:
        y_true: coordinates of the shape of `y_pred`.
        y_pred: coordinates of shape `(..., d)`.
        width: w > 0, where the logarithm ends, in the unit of y (pixels). Default: 10.
        curvature: ε > 0, the smaller the steeper at 0. Default: 2.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.wing_loss(np.zeros((2, 1)), np.array([[2.0], [20.0]]))).round(4).tolist()
    [6.9315, 27.9176]

    Reference:
        Feng et al., 2018, Wing loss, https://arxiv.org/abs/1711.06753.
    """
    y_pred, dtype = predictions(y_pred)
    size = ops.abs(targets_like(y_true, y_pred) - y_pred)
    joint = width - width * math.log1p(width / curvature)
    values = ops.where(size < width, width * ops.log1p(size / curvature), size - joint)
    return per_example(ops.mean(values, axis=-1), y_pred, dtype)


@register
class WingLoss(BaseLoss):
    """Loss of landmark coordinates that weighs small errors.

    See `mlkit.losses.wing_loss`.

    Args:
        width: where the logarithm ends, > 0, in the unit of y (pixels). Default: 10.
        curvature: number > 0, the smaller the steeper at 0. Default: 2.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> round(float(mk.losses.WingLoss()(np.zeros((1, 1)), np.array([[2.0]]))), 4)
    6.9315
    """

    def __init__(self, width: float = 10.0, curvature: float = 2.0, **kwargs: Any):
        super().__init__(**kwargs)
        check_number("width", width, low=0.0, open_low=True)
        check_number("curvature", curvature, low=0.0, open_low=True)
        self.width = width
        self.curvature = curvature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return wing_loss(y_true, y_pred, self.width, self.curvature)

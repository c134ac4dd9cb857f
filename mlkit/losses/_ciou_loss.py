"""Intersection over union, distance and shape of boxes."""

import math
from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._box_loss import BoxLoss
from mlkit.losses._box_pair import box_pair, divide
from mlkit.losses._values import per_example


@register
def ciou_loss(y_true: Tensor, y_pred: Tensor, box_format: str = "yxyx") -> Tensor:
    """One minus the IoU of boxes plus distance and shape (CIoU).

    `1 - IoU + d² / c² + α v`, with `v = (4 / π²) (atan(w/h) - atan(w*/h*))²` and `α = v / (1 - IoU
    + v)`, through which no gradient goes.

    Args:
        y_true: true boxes, of the shape of `y_pred`.
        y_pred: predicted boxes of shape `(..., 4)`, in any unit.
        box_format: `"yxyx"` (two opposite corners, the lower numbers first), `"xyxy"` (the same, x
            first), `"xywh"` (corner and size), `"cxcywh"` (centre and size). Default: `"yxyx"`.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Raises:
        ValueError: the last axis is not 4, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth, boxes = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
    >>> np.array(mk.losses.ciou_loss(truth, boxes)).round(4).tolist()
    [0.7436]

    Reference:
        Zheng et al., 2020, https://arxiv.org/abs/1911.08287.
    """
    pair, y_pred, dtype = box_pair(y_true, y_pred, box_format)
    apart = (pair.low + pair.high - pair.true_low - pair.true_high) / 2.0
    diagonal = ops.sum(pair.hull * pair.hull, axis=-1)
    values = 1.0 - pair.iou + divide(ops.sum(apart * apart, axis=-1), diagonal)
    shape = _angle(pair.true_low, pair.true_high) - _angle(pair.low, pair.high)
    v = 4.0 / math.pi**2 * shape * shape
    alpha = ops.stop_gradient(divide(v, 1.0 - pair.iou + v))
    return per_example(values + alpha * v, y_pred, dtype)


def _angle(low: Tensor, high: Tensor) -> Tensor:
    """Arctangent of the ratio of the sides, 0 with gradient 0 if both are 0."""
    sides = ops.relu(high - low)
    none = ops.all(ops.equal(sides, 0), axis=-1)
    first = ops.where(none, 1.0, sides[..., 0])
    return ops.where(none, 0.0, ops.arctan2(sides[..., 1], first))


@register
class CIoULoss(BoxLoss):
    """One minus the IoU of boxes plus distance and shape (CIoU).

    See `mlkit.losses.ciou_loss`.

    Args:
        box_format: `"yxyx"` (two opposite corners, the lower numbers first), `"xyxy"` (the same, x
            first), `"xywh"` (corner and size), `"cxcywh"` (centre and size). Default: `"yxyx"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth, boxes = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
    >>> round(float(mk.losses.CIoULoss()(truth, boxes)), 4)
    0.7436
    """

    def __init__(self, box_format: str = "yxyx", **kwargs: Any):
        super().__init__(box_format, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ciou_loss(y_true, y_pred, self.box_format)

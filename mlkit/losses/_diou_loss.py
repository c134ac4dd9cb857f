"""Intersection over union and distance of boxes."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._box_loss import BoxLoss
from mlkit.losses._box_pair import box_pair, divide
from mlkit.losses._values import per_example


@register
def diou_loss(y_true: Tensor, y_pred: Tensor, box_format: str = "yxyx") -> Tensor:
    """One minus the IoU of boxes plus their squared distance (DIoU).

    `1 - IoU + d² / c²`, with d the distance of the centres and c the diagonal of the smallest box
    around both.

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
    >>> np.array(mk.losses.diou_loss(truth, boxes)).round(4).tolist()
    [0.7436]

    Reference:
        Zheng et al., 2020, https://arxiv.org/abs/1911.08287.
    """
    pair, y_pred, dtype = box_pair(y_true, y_pred, box_format)
    apart = (pair.low + pair.high - pair.true_low - pair.true_high) / 2.0
    diagonal = ops.sum(pair.hull * pair.hull, axis=-1)
    values = 1.0 - pair.iou + divide(ops.sum(apart * apart, axis=-1), diagonal)
    return per_example(values, y_pred, dtype)


@register
class DIoULoss(BoxLoss):
    """One minus the IoU of boxes plus their squared distance (DIoU).

    See `mlkit.losses.diou_loss`.

    Args:
        box_format: `"yxyx"` (two opposite corners, the lower numbers first), `"xyxy"` (the same, x
            first), `"xywh"` (corner and size), `"cxcywh"` (centre and size). Default: `"yxyx"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth, boxes = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
    >>> round(float(mk.losses.DIoULoss()(truth, boxes)), 4)
    0.7436
    """

    def __init__(self, box_format: str = "yxyx", **kwargs: Any):
        super().__init__(box_format, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return diou_loss(y_true, y_pred, self.box_format)

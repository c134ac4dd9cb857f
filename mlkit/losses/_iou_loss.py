"""One minus the intersection over union of boxes."""

from typing import Any

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._box_loss import BoxLoss
from mlkit.losses._box_pair import box_pair
from mlkit.losses._values import per_example


@register
def iou_loss(y_true: Tensor, y_pred: Tensor, box_format: str = "yxyx") -> Tensor:
    """One minus the intersection over union (IoU) of boxes.

    Boxes apart have loss 1 and gradient 0: see `mlkit.losses.giou_loss` for one that pulls them
    together. Two boxes without area have IoU 0.

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
    >>> np.array(mk.losses.iou_loss(truth, boxes)).round(4).tolist()
    [0.6667]

    Reference:
        Yu et al., 2016, UnitBox, https://arxiv.org/abs/1608.01471 (there with a logarithm).
    """
    pair, y_pred, dtype = box_pair(y_true, y_pred, box_format)
    return per_example(1.0 - pair.iou, y_pred, dtype)


@register
class IoULoss(BoxLoss):
    """One minus the intersection over union (IoU) of boxes.

    See `mlkit.losses.iou_loss`.

    Args:
        box_format: `"yxyx"` (two opposite corners, the lower numbers first), `"xyxy"` (the same, x
            first), `"xywh"` (corner and size), `"cxcywh"` (centre and size). Default: `"yxyx"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth, boxes = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
    >>> round(float(mk.losses.IoULoss()(truth, boxes)), 4)
    0.6667
    """

    def __init__(self, box_format: str = "yxyx", **kwargs: Any):
        super().__init__(box_format, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return iou_loss(y_true, y_pred, self.box_format)

"""Generalised intersection over union of boxes."""

from typing import Any

from mlkit._core.checks import check_choice
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._box_loss import BoxLoss
from mlkit.losses._box_pair import box_pair, divide
from mlkit.losses._values import per_example


@register
def giou_loss(
    y_true: Tensor, y_pred: Tensor, mode: str = "giou", box_format: str = "yxyx"
) -> Tensor:
    """One minus the generalised intersection over union (GIoU) of boxes.

    `1 - IoU + (|C| - |A ∪ B|) / |C|`, with C the smallest box around both: boxes apart are pulled
    together. In [0, 2].

    Args:
        y_true: true boxes, of the shape of `y_pred`.
        y_pred: predicted boxes of shape `(..., 4)`, in any unit.
        mode: `"giou"` or `"iou"` (as `mlkit.losses.iou_loss`). Default: `"giou"`.
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
    >>> np.array(mk.losses.giou_loss(truth, boxes)).round(4).tolist()
    [0.6667]

    Reference:
        Rezatofighi et al., 2019, https://arxiv.org/abs/1902.09630.
    """
    check_choice("mode", mode, ("giou", "iou"))
    pair, y_pred, dtype = box_pair(y_true, y_pred, box_format)
    values = 1.0 - pair.iou
    if mode == "giou":
        hull = pair.hull[..., 0] * pair.hull[..., 1]
        values = values + divide(hull - pair.union, hull)
    return per_example(values, y_pred, dtype)


@register
class GIoULoss(BoxLoss):
    """One minus the generalised intersection over union (GIoU) of boxes.

    See `mlkit.losses.giou_loss`.

    Args:
        mode: `"giou"` or `"iou"` (as `mlkit.losses.iou_loss`). Default: `"giou"`.
        box_format: `"yxyx"` (two opposite corners, the lower numbers first), `"xyxy"` (the same, x
            first), `"xywh"` (corner and size), `"cxcywh"` (centre and size). Default: `"yxyx"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth, boxes = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])
    >>> round(float(mk.losses.GIoULoss()(truth, boxes)), 4)
    0.6667
    """

    def __init__(self, mode: str = "giou", box_format: str = "yxyx", **kwargs: Any):
        super().__init__(box_format, **kwargs)
        check_choice("mode", mode, ("giou", "iou"))
        self.mode = mode

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return giou_loss(y_true, y_pred, self.mode, self.box_format)

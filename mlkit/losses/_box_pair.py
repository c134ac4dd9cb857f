"""Boxes: their formats, and what overlaps."""

from typing import NamedTuple

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.types import Tensor
from mlkit.losses._values import predictions, targets_like

FORMATS = ("yxyx", "xyxy", "xywh", "cxcywh")


class BoxPair(NamedTuple):
    """Corners `(..., 2)` of the true and the predicted boxes, the IoU, the union, the hull."""

    true_low: Tensor
    true_high: Tensor
    low: Tensor
    high: Tensor
    iou: Tensor
    union: Tensor
    hull: Tensor  # sides of the smallest box around both, (..., 2)


def box_pair(y_true: Tensor, y_pred: Tensor, box_format: str) -> tuple[BoxPair, Tensor, str]:
    """What the losses of boxes are made of, the predictions and the dtype to give back."""
    check_choice("box_format", box_format, FORMATS)
    y_pred, dtype = predictions(y_pred)
    y_true = targets_like(y_true, y_pred)
    if y_pred.shape[-1] != 4:
        raise ValueError(
            "`y_pred` must hold the four numbers of a box in its last axis. Received: y_pred of "
            f"shape {tuple(y_pred.shape)}"
        )
    true_low, true_high = _corners(y_true, box_format)
    low, high = _corners(y_pred, box_format)
    # The side of an intersection that is not there is 0; so is that of a box turned inside out.
    sides = ops.relu(ops.minimum(high, true_high) - ops.maximum(low, true_low))
    both = sides[..., 0] * sides[..., 1]
    union = _area(low, high) + _area(true_low, true_high) - both
    iou = divide(both, union)
    hull = ops.relu(ops.maximum(high, true_high) - ops.minimum(low, true_low))
    return BoxPair(true_low, true_high, low, high, iou, union, hull), y_pred, dtype


def divide(a: Tensor, b: Tensor) -> Tensor:
    """`a / b`, and 0 with gradient 0 where b is 0."""
    zero = ops.equal(b, 0)
    return ops.where(zero, 0.0, a / ops.where(zero, 1.0, b))


def _area(low: Tensor, high: Tensor) -> Tensor:
    sides = ops.relu(high - low)
    return sides[..., 0] * sides[..., 1]


def _corners(boxes: Tensor, box_format: str) -> tuple[Tensor, Tensor]:
    first, second = boxes[..., :2], boxes[..., 2:]
    if box_format == "xywh":
        return first, first + second
    if box_format == "cxcywh":
        return first - second / 2.0, first + second / 2.0
    return first, second

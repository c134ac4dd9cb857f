"""Losses of boxes beside loops in numpy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from mlkit import losses
from mlkit.testing import LossSpec


def corners(rng):
    low = rng.uniform(0, 4, (8, 2))
    return np.concatenate([low, low + rng.uniform(0.5, 4, (8, 2))], -1).astype("float32")


def centred(rng):
    box = corners(rng)
    return np.concatenate([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], -1)


def parts(a, b):
    """IoU, union, hull (area and squared diagonal), squared distance, of corner boxes."""
    side = [max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1)]
    hull = [max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in (0, 1)]
    both = side[0] * side[1]
    union = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)) - both
    away = [(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in (0, 1)]
    return (
        both / union,
        union,
        hull[0] * hull[1],
        hull[0] ** 2 + hull[1] ** 2,
        sum(x * x for x in away),
    )


def reference(kind):
    def values(y, p):
        out = []
        for a, b in zip(to_corners(y), to_corners(p), strict=True):
            iou, union, hull, diagonal, away = parts(a, b)
            value = 1 - iou
            if kind == "giou":
                value += (hull - union) / hull
            if kind in ("diou", "ciou"):
                value += away / diagonal
            if kind == "ciou":
                angles = [math.atan((x[2] - x[0]) / (x[3] - x[1])) for x in (a, b)]
                v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
                value += v * v / (1 - iou + v)
            out.append(value)
        return np.array(out)

    return values


def to_corners(boxes):
    boxes = np.asarray(boxes, np.float64)
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], -1)


DATA = {
    "y_true": centred,
    "y_pred": centred,
    "properties": ("nonnegative", "zero_at_target"),
    "saturated": lambda rng: rng.choice([0.0, 1.0, 1e4], (8, 4)),
}
FORMAT = {"box_format": "cxcywh"}
ALPHA = "no gradient goes through alpha, as in the paper"
SPECS = [
    LossSpec(
        losses.IoULoss,
        kwargs=FORMAT,
        function=losses.iou_loss,
        reference=reference("iou"),
        **DATA,
    ),
    LossSpec(
        losses.GIoULoss,
        kwargs={"mode": "iou", **FORMAT},
        function=losses.giou_loss,
        reference=reference("iou"),
        **DATA,
    ),
    LossSpec(
        losses.GIoULoss,
        kwargs=FORMAT,
        function=losses.giou_loss,
        reference=reference("giou"),
        name="GIoULoss(mode=giou)",
        excuse={"kwargs_complete": "the other spec of the class gives the rest"},
        **DATA,
    ),
    LossSpec(
        losses.DIoULoss,
        kwargs=FORMAT,
        function=losses.diou_loss,
        reference=reference("diou"),
        **DATA,
    ),
    LossSpec(
        losses.CIoULoss,
        kwargs=FORMAT,
        function=losses.ciou_loss,
        reference=reference("ciou"),
        excuse={"numeric_gradient": ALPHA},
        **DATA,
    ),
]
FUNCTIONS = [losses.iou_loss, losses.giou_loss, losses.diou_loss, losses.ciou_loss]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_formats_name_the_same_boxes(function):
    rng = np.random.default_rng(0)
    a, b = corners(rng), corners(rng)
    wanted = function(a, b)

    def turned(x):
        return x[:, [1, 0, 3, 2]]

    def sized(x):
        return np.concatenate([x[:, :2], x[:, 2:] - x[:, :2]], -1)

    def centre(x):
        return np.concatenate([(x[:, :2] + x[:, 2:]) / 2, x[:, 2:] - x[:, :2]], -1)

    for name, change in {"xyxy": turned, "xywh": sized, "cxcywh": centre}.items():
        found = function(change(a), change(b), box_format=name)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_boxes_without_area_and_turned_inside_out(function):
    point = np.array([[1.0, 1.0, 1.0, 1.0]], "float32")
    box = np.array([[0.0, 0.0, 2.0, 2.0]], "float32")
    wrong = np.array([[2.0, 2.0, 0.0, 0.0]], "float32")
    for a in (point, box, wrong):
        for b in (point, box, wrong):
            b = tf.constant(b)
            with tf.GradientTape() as tape:
                tape.watch(b)
                value = function(a, b)
            assert np.isfinite(value).all()
            assert np.isfinite(tape.gradient(value, b)).all()


def test_giou_pulls_boxes_together_where_iou_does_not():
    a, b = np.array([[0.0, 0.0, 1.0, 1.0]]), tf.constant([[2.0, 2.0, 3.0, 3.0]], "float64")
    for function, moves in ((losses.iou_loss, False), (losses.giou_loss, True)):
        with tf.GradientTape() as tape:
            tape.watch(b)
            value = function(a, b)
        assert np.any(tape.gradient(value, b)) == moves


def test_last_axis_must_be_four():
    with pytest.raises(ValueError, match="four numbers of a box"):
        losses.giou_loss(np.zeros((2, 5)), np.zeros((2, 5)))

"""Multiplicative angular margin softmax."""

import math
from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import per_example, predictions


@register
def sphere_face_loss(
    y_true: Tensor,
    y_pred: Tensor,
    margin: int = 4,
    scale: float = 64.0,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Softmax with a multiplicative angular margin (SphereFace).

    Cross-entropy of `s cos(θ[c])`, where the true class has `s ψ(θ[y])` with `ψ(θ) = (-1)^k cos(m
    θ) - 2k` for θ in [kπ/m, (k+1)π/m]: the cosine of the m-fold angle, continued so that it falls
    over all of [0, π]. `cos(m θ)` is a polynomial of `cos θ`, so that no arccosine (infinite slope
    at ±1) is taken.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or one-hot labels
            of the shape of `y_pred`.
        y_pred: cosines in [-1, 1] along `axis`, such as those of a dense layer whose inputs and
            columns have unit length.
        margin: m, an integer in [1, 8]. Default: 4.
        scale: s > 0. Default: 64.0.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> cosines = np.array([[0.8, 0.6], [0.0, 1.0]])
    >>> np.array(mk.losses.sphere_face_loss([0, 1], cosines, scale=4.0)).round(4).tolist()
    [5.7759, 0.0181]

    Reference:
        Liu et al., 2017, SphereFace, https://arxiv.org/abs/1704.08063. Differs from the paper in
        that the length of the embedding is replaced by the fixed scale s.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    cosines = ops.clip(y_pred, -1.0, 1.0)
    # T_m(cos θ) = cos(m θ), by the recurrence of Chebyshev's polynomials.
    previous, multiple = ops.ones_like(cosines), cosines
    for _ in range(margin - 1):
        previous, multiple = multiple, 2.0 * cosines * multiple - previous
    k = ops.zeros_like(cosines)
    for j in range(1, margin):
        k = k + ops.cast(cosines < math.cos(j * math.pi / margin), cosines.dtype)
    sign = 1.0 - 2.0 * ops.mod(k, 2.0)
    with_margin = sign * multiple - 2.0 * k
    true = targets.one_hot(y_pred.dtype)
    logits = scale * (cosines + true * (with_margin - cosines))
    values = targets.mean_of(-ops.log_softmax(logits, axis=-1), label_smoothing)
    return per_example(values, y_pred, dtype)


@register
class SphereFaceLoss(CategoricalLoss):
    """Softmax with a multiplicative angular margin (SphereFace).

    See `mlkit.losses.sphere_face_loss`. Predictions are cosines and not logits.

    Args:
        margin: m, an integer in [1, 8]. Default: 4.
        scale: number > 0 that the cosines are multiplied by. Default: 64.0.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> cosines = np.array([[0.8, 0.6], [0.0, 1.0]])
    >>> round(float(mk.losses.SphereFaceLoss(scale=4.0)(np.array([0, 1]), cosines)), 4)
    2.897
    """

    def __init__(
        self,
        margin: int = 4,
        scale: float = 64.0,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(False, ignore_class, label_smoothing, axis, **kwargs)
        check_integer("margin", margin, low=1, high=8)
        check_number("scale", scale, low=0.0, open_low=True)
        self.margin = margin
        self.scale = scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sphere_face_loss(
            y_true,
            y_pred,
            self.margin,
            self.scale,
            self.ignore_class,
            self.label_smoothing,
            self.axis,
        )

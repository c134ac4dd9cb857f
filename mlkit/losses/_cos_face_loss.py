"""Additive cosine margin softmax."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import per_example, predictions


@register
def cos_face_loss(
    y_true: Tensor,
    y_pred: Tensor,
    margin: float = 0.35,
    scale: float = 64.0,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Softmax with an additive cosine margin (CosFace).

    Cross-entropy of `s cos(θ[c])`, where the true class has `s (cos(θ[y]) - m)`.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or one-hot labels
            of the shape of `y_pred`.
        y_pred: cosines in [-1, 1] along `axis`, such as those of a dense layer whose inputs and
            columns have unit length.
        margin: m, taken from the cosine of the true class, in [0, 2]. Default: 0.35.
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
    >>> np.array(mk.losses.cos_face_loss([0, 1], cosines, scale=4.0)).round(4).tolist()
    [1.0375, 0.0716]

    Reference:
        Wang et al., 2018, CosFace, https://arxiv.org/abs/1801.09414.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    cosines = ops.clip(y_pred, -1.0, 1.0)
    with_margin = cosines - margin
    true = targets.one_hot(y_pred.dtype)
    logits = scale * (cosines + true * (with_margin - cosines))
    values = targets.mean_of(-ops.log_softmax(logits, axis=-1), label_smoothing)
    return per_example(values, y_pred, dtype)


@register
class CosFaceLoss(CategoricalLoss):
    """Softmax with an additive cosine margin (CosFace).

    See `mlkit.losses.cos_face_loss`. Predictions are cosines and not logits.

    Args:
        margin: m, taken from the cosine of the true class, in [0, 2]. Default: 0.35.
        scale: number > 0 that the cosines are multiplied by. Default: 64.0.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> cosines = np.array([[0.8, 0.6], [0.0, 1.0]])
    >>> round(float(mk.losses.CosFaceLoss(scale=4.0)(np.array([0, 1]), cosines)), 4)
    0.5546
    """

    def __init__(
        self,
        margin: float = 0.35,
        scale: float = 64.0,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(False, ignore_class, label_smoothing, axis, **kwargs)
        check_number("margin", margin, low=0.0, high=2.0)
        check_number("scale", scale, low=0.0, open_low=True)
        self.margin = margin
        self.scale = scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return cos_face_loss(
            y_true,
            y_pred,
            self.margin,
            self.scale,
            self.ignore_class,
            self.label_smoothing,
            self.axis,
        )

"""Focal loss over exclusive classes."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import (
    check_class_weight,
    class_targets,
    log_probabilities,
    weight_vector,
)
from mlkit.losses._values import per_example, predictions


@register
def sparse_categorical_focal(
    y_true: Tensor,
    y_pred: Tensor,
    gamma: float = 2.0,
    class_weight: Mapping[int, float] | Sequence[float] | None = None,
    from_logits: bool = False,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Focal cross-entropy over exclusive classes.

    `-w[y] (1 - p[y])^gamma log p[y]`: what the model is already sure of counts less, which helps
    where easy examples are many. `gamma = 0` is the (weighted) cross-entropy. For labels that do
    not exclude one another see `keras.losses.BinaryFocalCrossentropy`.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: probabilities or logits, with the classes along `axis`.
        gamma: how strongly sure examples are turned down, ≥ 0. Default: 2.
        class_weight: a weight ≥ 0 for each class: a sequence, or a dict (1 for what it leaves out).
            Default: None, all 1.
        from_logits: whether `y_pred` are logits. Default: False.
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
    >>> loss = mk.losses.sparse_categorical_focal([0, 1], np.array([[0.9, 0.1], [0.5, 0.5]]))
    >>> np.array(loss).round(4).tolist()
    [0.0011, 0.1733]

    Reference:
        Lin et al., 2017, Focal loss for dense object detection, https://arxiv.org/abs/1708.02002.
        Differs from the paper in that the classes are exclusive (softmax).
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    log_p = log_probabilities(y_pred, from_logits)
    # 1 - p without cancellation. At 0 the power is cut out: its slope is infinite for gamma < 1.
    rest = ops.maximum(-ops.expm1(log_p), 0.0)
    zero = rest <= 0
    focus = ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, rest), gamma)) if gamma else 1.0
    cost = -focus * log_p
    weights = weight_vector(class_weight, targets.classes, y_pred.dtype)
    cost = cost if weights is None else cost * weights
    return per_example(targets.mean_of(cost, label_smoothing), y_pred, dtype)


@register
class SparseCategoricalFocal(CategoricalLoss):
    """Focal cross-entropy over exclusive classes.

    See `mlkit.losses.sparse_categorical_focal`. With `reduction="mean_with_sample_weight"` the sum
    is divided by the sum of the class weights of the labels, as PyTorch does.

    Args:
        gamma: how strongly sure examples are turned down, ≥ 0. Default: 2.
        class_weight: a weight ≥ 0 for each class: a sequence, or a dict. Default: None.
        from_logits: whether predictions are logits. Default: False.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.SparseCategoricalFocal(gamma=0.0, from_logits=True)
    >>> round(float(loss([0, 1], np.zeros((2, 2)))), 4)
    0.6931
    """

    def __init__(
        self,
        gamma: float = 2.0,
        class_weight: Mapping[int, float] | Sequence[float] | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(from_logits, ignore_class, label_smoothing, axis, **kwargs)
        check_number("gamma", gamma, low=0.0)
        check_class_weight("class_weight", class_weight)
        self.gamma = gamma
        self.class_weight = class_weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sparse_categorical_focal(
            y_true, y_pred, self.gamma, self.class_weight, **self._shared()
        )

"""Cross-entropy with its first polynomial coefficient changed."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import class_targets, log_probabilities
from mlkit.losses._values import per_example, predictions


@register
def poly_loss(
    y_true: Tensor,
    y_pred: Tensor,
    epsilon: float = 1.0,
    from_logits: bool = False,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy plus `epsilon` times the probability missed (Poly-1).

    `-log p[y] + epsilon (1 - p[y])`: the first term of the expansion of the cross-entropy in powers
    of `1 - p[y]` gets the coefficient `1 + epsilon`. With label smoothing both terms are averaged
    with the smoothed label, as in the authors' code.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: probabilities or logits, with the classes along `axis`.
        epsilon: what the first coefficient is raised by, ≥ -1. Default: 1.
        from_logits: whether `y_pred` are logits. Default: False.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.poly_loss([0, 1], np.full((2, 2), 0.5))).round(4).tolist()
    [1.1931, 1.1931]

    Reference:
        Leng et al., 2022, PolyLoss, https://arxiv.org/abs/2204.12511.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    log_p = log_probabilities(y_pred, from_logits)
    missed = -ops.expm1(log_p) if from_logits else 1.0 - y_pred
    cost = -log_p + epsilon * missed
    return per_example(targets.mean_of(cost, label_smoothing), y_pred, dtype)


@register
class PolyLoss(CategoricalLoss):
    """Cross-entropy plus `epsilon` times the probability missed (Poly-1).

    See `mlkit.losses.poly_loss`.

    Args:
        epsilon: what the first coefficient is raised by, ≥ -1. Default: 1.
        from_logits: whether predictions are logits. Default: False.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.PolyLoss(epsilon=2.0)
    >>> round(float(loss([0, 1], np.full((2, 2), 0.5))), 4)
    1.6931
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(from_logits, ignore_class, label_smoothing, axis, **kwargs)
        check_number("epsilon", epsilon, low=-1.0)
        self.epsilon = epsilon

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return poly_loss(y_true, y_pred, self.epsilon, **self._shared())

"""Contrastive loss of distances between pairs."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.guard import nan_unless
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like


@register
def contrastive_loss(y_true: Tensor, y_pred: Tensor, margin: float = 1.0) -> Tensor:
    """Contrastive loss of distances between pairs.

    `y d² + (1 - y) max(margin - d, 0)²`: pairs with y = 1 are similar and drawn together, pairs
    with y = 0 are pushed at least `margin` apart.

    Args:
        y_true: 1 for similar pairs, 0 for others, of the shape of `y_pred`.
        y_pred: distances ≥ 0 of any shape, such as `(N,)`.
        margin: distance wanted, ≥ 0. Default: 1.

    Returns:
        Tensor of the shape and dtype of `y_pred`.

    Raises:
        ValueError: a label out of [0, 1], or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> np.array(mk.losses.contrastive_loss([1, 0], np.array([0.5, 0.5]))).tolist()
    [0.25, 0.25]

    Reference:
        Hadsell et al., 2006, Dimensionality reduction by learning an invariant mapping,
        https://doi.org/10.1109/CVPR.2006.100 (without its factor ½).
    """
    y_pred, dtype = predictions(y_pred)
    y_true = targets_like(y_true, y_pred)
    near = ops.maximum(margin - y_pred, 0.0)
    values = y_true * y_pred * y_pred + (1.0 - y_true) * near * near
    known = ops.logical_and(y_true >= 0, y_true <= 1)
    return per_example(nan_unless(known, values, "`y_true` must be in [0, 1]."), y_pred, dtype)


@register
class ContrastiveLoss(BaseLoss):
    """Contrastive loss of distances between pairs.

    See `mlkit.losses.contrastive_loss`.

    Args:
        margin: distance wanted between pairs that are not similar, ≥ 0. Default: 1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> float(mk.losses.ContrastiveLoss()(np.array([1, 0]), np.array([0.5, 0.5])))
    0.25
    """

    def __init__(self, margin: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        check_number("margin", margin, low=0.0)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return contrastive_loss(y_true, y_pred, self.margin)

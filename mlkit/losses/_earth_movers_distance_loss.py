"""Distance between distributions over ordered classes."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import per_example, predictions


@register
def earth_movers_distance_loss(
    y_true: Tensor, y_pred: Tensor, power: float = 2.0, from_logits: bool = False
) -> Tensor:
    """Earth mover's distance between distributions over ordered classes.

    `Σ_k |F(k) - F*(k)|^power` with the cumulative distributions F and F* of prediction and label.
    With power 1 it is the distance itself (in classes), with 2 the usual squared form.

    Args:
        y_true: class indices of shape `y_pred.shape[:-1]` (or 1 last), or distributions of the
            shape of `y_pred`.
        y_pred: probabilities or logits of shape `(..., classes)`.
        power: exponent ≥ 1. Default: 2.
        from_logits: whether `y_pred` are logits. Default: False.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[0.0, 0.0, 1.0]])
    >>> np.array(mk.losses.earth_movers_distance_loss([0], p, power=1.0)).tolist()
    [2.0]

    Reference:
        Hou et al., 2016, Squared earth mover's distance-based loss,
        https://arxiv.org/abs/1611.05916.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred)
    p = ops.softmax(y_pred, axis=-1) if from_logits else y_pred
    # One cumulative sum of the difference: two sums would each round.
    gap = ops.abs(ops.cumsum(p - targets.one_hot(y_pred.dtype), axis=-1))
    if power == 2.0:
        costs = gap * gap
    else:
        zero = gap <= 0
        costs = ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, gap), power))
    return per_example(targets.checked(ops.sum(costs, axis=-1)), y_pred, dtype)


@register
class EarthMoversDistanceLoss(BaseLoss):
    """Earth mover's distance between distributions over ordered classes.

    See `mlkit.losses.earth_movers_distance_loss`.

    Args:
        power: exponent ≥ 1. Default: 2.
        from_logits: whether predictions are logits. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.EarthMoversDistanceLoss(power=1.0)
    >>> float(loss(np.array([0]), np.array([[0.0, 0.0, 1.0]])))
    2.0
    """

    def __init__(self, power: float = 2.0, from_logits: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        check_number("power", power, low=1.0)
        check_bool("from_logits", from_logits)
        self.power = power
        self.from_logits = from_logits

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return earth_movers_distance_loss(y_true, y_pred, self.power, self.from_logits)

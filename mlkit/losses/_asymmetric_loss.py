"""Asymmetric loss for labels of which most are absent."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_number
from mlkit._core.guard import nan_unless
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import per_example, predictions, targets_like
from mlkit.ops._safe_log import safe_log


@register
def asymmetric_loss(
    y_true: Tensor,
    y_pred: Tensor,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    from_logits: bool = True,
    focus_gradient: bool = False,
) -> Tensor:
    """Asymmetric loss for many labels of which most are absent.

    The mean over the labels of `-y (1 - p)^gamma_pos log p - (1 - y) q^gamma_neg log(1 - q)`, where
    `q = max(p - clip, 0)`: absent labels that the model is sure of count less than present ones,
    and below `clip` not at all.

    Args:
        y_true: labels in [0, 1] of the shape of `y_pred`.
        y_pred: logits or probabilities of shape `(..., labels)`, each label by itself.
        gamma_neg: how strongly sure negatives are turned down, ≥ 0. Default: 4.
        gamma_pos: how strongly sure positives are turned down, ≥ 0. Default: 1.
        clip: probability below which a negative costs nothing, in [0, 1). Default: 0.05.
        from_logits: whether `y_pred` are logits. Default: True.
        focus_gradient: whether the powers take part in the gradient, and are not constant weights.
            Default: False, as the authors train.

    Returns:
        Tensor of shape `y_pred.shape[:-1]` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.asymmetric_loss([[1, 0, 0]], np.array([[0.0, 0.0, -4.0]]))
    >>> np.array(loss).round(4).tolist()
    [0.1237]

    Reference:
        Ridnik et al., 2021, Asymmetric loss for multi-label classification,
        https://arxiv.org/abs/2009.14119. Differs in that the labels are averaged, not summed.
    """
    y_pred, dtype = predictions(y_pred)
    y_true = targets_like(y_true, y_pred)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    log_p = ops.log_sigmoid(y_pred) if from_logits else safe_log(y_pred)
    # The complement of the shifted probability; without a shift its logarithm is known better.
    kept = ops.minimum(1.0 - p + clip, 1.0)
    log_kept = safe_log(kept)
    if from_logits and not clip:
        log_kept = ops.log_sigmoid(-y_pred)
    positive, negative = _power(1.0 - p, gamma_pos), _power(1.0 - kept, gamma_neg)
    if not focus_gradient:
        positive, negative = ops.stop_gradient(positive), ops.stop_gradient(negative)
    costs = -y_true * positive * log_p - (1.0 - y_true) * negative * log_kept
    known = ops.all(ops.logical_and(y_true >= 0, y_true <= 1), axis=-1)
    values = nan_unless(known, ops.mean(costs, axis=-1), "`y_true` must be in [0, 1].")
    return per_example(values, y_pred, dtype)


def _power(base: Tensor, exponent: float) -> Tensor:
    """`base ** exponent` with gradient 0 at 0, where that of a small exponent is infinite."""
    if not exponent:
        return ops.ones_like(base)
    zero = base <= 0
    return ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, base), exponent))


@register
class AsymmetricLoss(BaseLoss):
    """Asymmetric loss for many labels of which most are absent.

    See `mlkit.losses.asymmetric_loss`.

    Args:
        gamma_neg: how strongly sure negatives are turned down, ≥ 0. Default: 4.
        gamma_pos: how strongly sure positives are turned down, ≥ 0. Default: 1.
        clip: probability below which a negative costs nothing, in [0, 1). Default: 0.05.
        from_logits: whether predictions are logits. Default: True.
        focus_gradient: whether the powers take part in the gradient. Default: False.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.AsymmetricLoss(gamma_neg=2.0)
    >>> round(float(loss(np.array([[1, 0, 0]]), np.array([[0.0, 0.0, -4.0]]))), 4)
    0.1559
    """

    def __init__(
        self,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        from_logits: bool = True,
        focus_gradient: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_number("gamma_neg", gamma_neg, low=0.0)
        check_number("gamma_pos", gamma_pos, low=0.0)
        check_number("clip", clip, low=0.0, high=1.0, open_high=True)
        check_bool("from_logits", from_logits)
        check_bool("focus_gradient", focus_gradient)
        self.gamma_neg = gamma_neg
        self.gamma_pos = gamma_pos
        self.clip = clip
        self.from_logits = from_logits
        self.focus_gradient = focus_gradient

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return asymmetric_loss(
            y_true,
            y_pred,
            self.gamma_neg,
            self.gamma_pos,
            self.clip,
            self.from_logits,
            self.focus_gradient,
        )

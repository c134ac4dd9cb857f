"""Loss that belongs to sparsemax as the cross-entropy belongs to softmax."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import per_example, predictions


@register
def sparsemax_loss(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = True, axis: int = -1
) -> Tensor:
    """Loss that belongs to sparsemax as the cross-entropy belongs to softmax.

    `½ Σ_{c in S} (z_c² - τ²) + ½ |q|² - q · z`, with the label q, the logits z, and the support S
    and threshold τ of their projection onto the simplex. Its gradient is `sparsemax(z) - q`, and it
    is 0 once the logit of the true class leads by 1.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: logits, with the classes along `axis`.
        from_logits: must be True: a projection cannot be undone. Default: True.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Raises:
        ValueError: `from_logits=False`, a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> logits = np.array([[2.0, 0.0], [0.5, 0.5]])
    >>> np.array(mk.losses.sparsemax_loss([0, 1], logits)).tolist()
    [0.0, 0.25]

    Reference:
        Martins and Astudillo, 2016, From softmax to sparsemax, https://arxiv.org/abs/1602.02068.
    """
    _check_logits(from_logits)
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, axis=axis)
    # A shift changes nothing, and large logits would lose their digits in the squares.
    z = y_pred - ops.stop_gradient(ops.max(y_pred, axis=-1, keepdims=True))
    q = targets.one_hot(y_pred.dtype)
    fixed = ops.stop_gradient(z)
    ranked = ops.flip(ops.sort(fixed, axis=-1), axis=-1)
    sums = ops.cumsum(ranked, axis=-1)
    place = ops.arange(1, targets.classes + 1, dtype=z.dtype)
    inside = ops.cast(1.0 + place * ranked > sums, z.dtype)
    size = ops.sum(inside, axis=-1, keepdims=True)
    threshold = (ops.sum(ranked * inside, axis=-1, keepdims=True) - 1.0) / size
    p = ops.relu(fixed - threshold)
    # ½ Σ_S (z² - τ²) = p · z - ½ |p|² + ½: linear in z at fixed p, so that its gradient is p.
    values = ops.sum(p * z - 0.5 * p * p, axis=-1) + 0.5 * ops.sum(q * q, axis=-1)
    values = values - ops.sum(q * z, axis=-1)
    return per_example(targets.checked(values), y_pred, dtype)


def _check_logits(from_logits: bool) -> None:
    if from_logits is not True:
        raise ValueError(
            "`from_logits` must be True: give the loss the logits, and not what sparsemax made of "
            f"them. Received: from_logits={from_logits!r}"
        )


@register
class SparsemaxLoss(BaseLoss):
    """Loss that belongs to sparsemax as the cross-entropy belongs to softmax.

    See `mlkit.losses.sparsemax_loss`.

    Args:
        from_logits: must be True. Default: True.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> logits = np.array([[2.0, 0.0], [0.5, 0.5]])
    >>> float(mk.losses.SparsemaxLoss()(np.array([0, 1]), logits))
    0.125
    """

    def __init__(self, from_logits: bool = True, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        _check_logits(from_logits)
        check_integer("axis", axis)
        self.from_logits = from_logits
        self.axis = axis

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sparsemax_loss(y_true, y_pred, self.from_logits, self.axis)

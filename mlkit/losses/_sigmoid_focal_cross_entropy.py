"""Focal loss for independent binary labels."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.targets import align_target
from mlkit._core.types import Config, Tensor

# A power of 1 - p_t below 1 has an infinite slope at 0, where the cross-entropy is 0: inf * 0.
_SMALLEST = 1e-30


def _check_arguments(from_logits: bool, alpha: float | None, gamma: float, reduce: str) -> None:
    check_bool("from_logits", from_logits)
    if alpha is not None:
        check_number("alpha", alpha, low=0, high=1, open_low=True)
    check_number("gamma", gamma, low=0)
    check_choice("class_reduction", reduce, ("mean", "sum"))


def _cross_entropy(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> tuple[Tensor, Tensor]:
    """Cross-entropy and 1 - p_t, each entry by itself."""
    if from_logits:
        # 1 - sigmoid(z) = sigmoid(-z): the difference would round to 0 from z = 17 on.
        chance, other = ops.sigmoid(y_pred), ops.sigmoid(-y_pred)
        entropy = ops.softplus(y_pred) - y_true * y_pred
        # softplus(z) - z cancels where z is large.
        entropy = ops.where(y_pred > 0, ops.softplus(-y_pred) + (1 - y_true) * y_pred, entropy)
    else:
        epsilon = keras.config.epsilon()
        chance, other = y_pred, 1 - y_pred
        entropy = -y_true * ops.log(ops.maximum(chance, epsilon))
        entropy -= (1 - y_true) * ops.log(ops.maximum(other, epsilon))
    return entropy, y_true * other + (1 - y_true) * chance


@register
def sigmoid_focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    *,
    class_reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy that turns from easy entries to hard ones.

    With `p_t = p` where the label is 1 and `1 - p` where it is 0, and `alpha_t` likewise:

        loss = -alpha_t * (1 - p_t) ** gamma * log(p_t)

    For a few positives among many easy negatives (detection, rare labels), where the sum over the
    easy ones would drown the rest. Labels between 0 and 1 are taken as mixtures. Computed in
    float32 or better; with logits no digit is lost however large they are.

    Args:
        y_true: labels in [0, 1], integers or floats; shape `[..., classes]`.
        y_pred: probabilities, or logits with `from_logits`; shape `[..., classes]`.
        alpha: weight of the positives, in (0, 1]; the negatives have `1 - alpha`. None: both 1.
            Default 0.25, as in the paper, where it goes with `gamma=2`.
        gamma: how fast easy entries fade, at least 0; 0 is the cross-entropy. Default 2.
        from_logits: whether `y_pred` is before the sigmoid. Default False.
        class_reduction: `"mean"` or `"sum"` over the last axis. Default `"mean"`.

    Returns:
        Loss of each example, shape `[...]`, in the dtype of `y_pred`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y_pred = np.array([[0.9, 0.2], [0.6, 0.6]])
        >>> loss = mk.losses.sigmoid_focal_crossentropy([[1, 0], [1, 0]], y_pred)
        >>> print(np.round(loss, 4))
        [0.0035 0.1339]

    Reference:
        Lin, Goyal, Girshick, He and Dollár, 2017, https://arxiv.org/abs/1708.02002.
        Differs from TensorFlow Addons, which sums over the classes: here the mean is taken, as
        Keras does (`class_reduction="sum"` is theirs). The paper divides the sum over all entries
        by the number of positives.
    """
    _check_arguments(from_logits, alpha, gamma, class_reduction)
    y_pred = ops.convert_to_tensor(y_pred)
    if not keras.backend.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, keras.config.floatx())
    given = keras.backend.standardize_dtype(y_pred.dtype)
    dtype = keras.backend.result_type(given, "float32")
    y_true = ops.cast(align_target(ops.convert_to_tensor(y_true), y_pred), dtype)
    entropy, ease = _cross_entropy(y_true, ops.cast(y_pred, dtype), from_logits)
    loss = entropy
    if gamma:
        loss = loss * ops.power(ops.maximum(ease, _SMALLEST), gamma)
    if alpha is not None:
        loss = loss * (y_true * alpha + (1 - y_true) * (1 - alpha))
    reduce = ops.mean if class_reduction == "mean" else ops.sum
    return ops.cast(reduce(loss, axis=-1), given)


@register
class SigmoidFocalCrossEntropy(keras.Loss):
    """Binary cross-entropy that turns from easy entries to hard ones.

    See `mlkit.losses.sigmoid_focal_crossentropy` for the formula and when to use it.

    Args:
        from_logits: whether `y_pred` is before the sigmoid. Default False.
        alpha: weight of the positives, in (0, 1]; the negatives have `1 - alpha`. None: both 1.
            Default 0.25.
        gamma: how fast easy entries fade, at least 0; 0 is the cross-entropy. Default 2.
        reduction: over the batch, as for `keras.losses.Loss`. Default `"sum_over_batch_size"`.
        name: name of the loss. Default `"sigmoid_focal_crossentropy"`.
        class_reduction: `"mean"` or `"sum"` over the last axis. Default `"mean"`.
        **kwargs: as for `keras.losses.Loss`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> loss = mk.losses.SigmoidFocalCrossEntropy(from_logits=True)
        >>> float(loss(np.ones((4, 3)), np.full((4, 3), 1e4)))
        0.0

    Reference:
        Lin, Goyal, Girshick, He and Dollár, 2017, https://arxiv.org/abs/1708.02002.
        Differs from TensorFlow Addons, whose default reduction was none over the batch and a sum
        over the classes: `SigmoidFocalCrossEntropy(reduction=None, class_reduction="sum")`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float | None = 0.25,
        gamma: float = 2.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sigmoid_focal_crossentropy",
        *,
        class_reduction: str = "mean",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        _check_arguments(from_logits, alpha, gamma, class_reduction)
        self.from_logits = from_logits
        self.alpha = alpha
        self.gamma = gamma
        self.class_reduction = class_reduction

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sigmoid_focal_crossentropy(
            y_true,
            y_pred,
            alpha=self.alpha,
            gamma=self.gamma,
            from_logits=self.from_logits,
            class_reduction=self.class_reduction,
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "dtype": self.dtype,  # the base class leaves it out
            "from_logits": self.from_logits,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "class_reduction": self.class_reduction,
        }

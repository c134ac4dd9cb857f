"""Cross-entropy with logits shifted by the class priors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import class_targets, weight_vector
from mlkit.losses._values import per_example, predictions
from mlkit.ops._safe_log import safe_log


@register
def logit_adjusted_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    counts: Sequence[float],
    tau: float = 1.0,
    from_logits: bool = True,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy with logits shifted by the class priors.

    The cross-entropy of `softmax(logits + tau log prior)`. The model then learns logits that need
    no shift when all classes matter alike: at inference use them as they are, and the balanced
    error is the one that is minimised.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: logits or probabilities, with the classes along `axis`.
        counts: number of training examples (or the prior probability) of each class, > 0.
        tau: strength of the shift. Default: 1, which is consistent for the balanced error.
        from_logits: whether `y_pred` are logits. Default: True.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Raises:
        ValueError: a count that is not above zero.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.logit_adjusted_crossentropy([0, 1], np.zeros((2, 2)), counts=[90, 10])
    >>> np.array(loss).round(4).tolist()
    [0.1054, 2.3026]

    Reference:
        Menon et al., 2021, Long-tail learning via logit adjustment,
        https://arxiv.org/abs/2007.07314.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    logits = y_pred if from_logits else safe_log(y_pred)
    shift = weight_vector(tau * _log_prior(counts), targets.classes, y_pred.dtype)
    cost = -ops.log_softmax(logits + shift, axis=-1)
    return per_example(targets.mean_of(cost, label_smoothing), y_pred, dtype)


def _log_prior(counts: Sequence[float]) -> np.ndarray:
    numbers = np.asarray(counts, "float64")
    if numbers.ndim != 1 or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ValueError(
            "`counts` must hold a number > 0 for each class: leave a class that never occurs out "
            f"of the model, or count it as 1. Received: counts={counts!r}"
        )
    return np.log(numbers / numbers.sum())


@register
class LogitAdjustedCrossentropy(CategoricalLoss):
    """Cross-entropy with logits shifted by the class priors.

    See `mlkit.losses.logit_adjusted_crossentropy`.

    Args:
        counts: number of training examples (or the prior probability) of each class, > 0.
        tau: strength of the shift. Default: 1.
        from_logits: whether predictions are logits. Default: True.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.LogitAdjustedCrossentropy(counts=[50, 50])
    >>> round(float(loss([0, 1], np.zeros((2, 2)))), 4)
    0.6931
    """

    def __init__(
        self,
        counts: Sequence[float],
        tau: float = 1.0,
        from_logits: bool = True,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(from_logits, ignore_class, label_smoothing, axis, **kwargs)
        check_number("tau", tau)
        _log_prior(counts)
        self.counts = counts
        self.tau = tau

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return logit_adjusted_crossentropy(y_true, y_pred, self.counts, self.tau, **self._shared())

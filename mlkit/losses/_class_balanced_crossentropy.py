"""Cross-entropy weighted by the effective number of examples of each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._weighted_crossentropy import weighted_crossentropy


@register
def class_balanced_weights(counts: Sequence[int], beta: float = 0.999) -> list[float]:
    """Class weights from the effective number of examples.

    `w[c] ∝ (1 - beta) / (1 - beta^n[c])`, scaled to the mean 1. `beta = 0` weighs all classes
    alike; as beta goes to 1 the weights go to 1 / n. A class that never occurs gets weight 0, since
    nothing is known about it.

    Args:
        counts: number of training examples of each class, ≥ 0.
        beta: in [0, 1). (N - 1) / N, with N the number of prototypes. Default: 0.999.

    Returns:
        List of as many floats as classes.

    Raises:
        ValueError: a negative count, no count above zero, or `beta` out of its range.

    Example:

    >>> import mlkit as mk
    >>> [round(w, 3) for w in mk.losses.class_balanced_weights([1000, 10], beta=0.99)]
    [0.175, 1.825]

    Reference:
        Cui et al., 2019, Class-balanced loss based on effective number of samples,
        https://arxiv.org/abs/1901.05555.
    """
    check_number("beta", beta, low=0.0, high=1.0, open_high=True)
    numbers = np.asarray(counts, "float64")
    if numbers.ndim != 1 or not (np.isfinite(numbers) & (numbers >= 0)).all() or not numbers.any():
        raise ValueError(
            "`counts` must hold the number of examples of each class, ≥ 0 and not all 0. "
            f"Received: counts={counts!r}"
        )
    present = numbers > 0
    if beta:
        # 1 - beta^n by expm1: beta near 1 loses its digits otherwise.
        effective = np.expm1(np.where(present, numbers, 1.0) * np.log(beta)) / (beta - 1.0)
    else:
        effective = np.ones_like(numbers)
    weights = np.where(present, 1.0 / effective, 0.0)
    return (weights * present.sum() / weights.sum()).tolist()


@register
def class_balanced_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    counts: Sequence[int],
    beta: float = 0.999,
    from_logits: bool = False,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy weighted by the effective number of examples of each class.

    `mlkit.losses.weighted_crossentropy` with the weights of `mlkit.losses.class_balanced_weights`.
    For long-tailed data, where 1 / n would give the rarest classes too much.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: probabilities or logits, with the classes along `axis`.
        counts: number of training examples of each class, ≥ 0.
        beta: in [0, 1). Default: 0.999.
        from_logits: whether `y_pred` are logits. Default: False.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> loss = mk.losses.class_balanced_crossentropy([0, 1], p, counts=[1000, 10], beta=0.99)
    >>> np.array(loss).round(4).tolist()
    [0.121, 1.2653]

    Reference:
        Cui et al., 2019, Class-balanced loss based on effective number of samples,
        https://arxiv.org/abs/1901.05555.
    """
    weights = class_balanced_weights(counts, beta)
    return weighted_crossentropy(
        y_true, y_pred, weights, from_logits, ignore_class, label_smoothing, axis
    )


@register
class ClassBalancedCrossentropy(CategoricalLoss):
    """Cross-entropy weighted by the effective number of examples of each class.

    See `mlkit.losses.class_balanced_crossentropy`.

    Args:
        counts: number of training examples of each class, ≥ 0.
        beta: in [0, 1). Default: 0.999.
        from_logits: whether predictions are logits. Default: False.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.ClassBalancedCrossentropy(counts=[100, 100], from_logits=True)
    >>> round(float(loss([0, 1], np.zeros((2, 2)))), 4)
    0.6931
    """

    def __init__(
        self,
        counts: Sequence[int],
        beta: float = 0.999,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(from_logits, ignore_class, label_smoothing, axis, **kwargs)
        self.class_weight = class_balanced_weights(counts, beta)
        self.counts = counts
        self.beta = beta

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return class_balanced_crossentropy(y_true, y_pred, self.counts, self.beta, **self._shared())

"""Logistic loss with two temperatures, for labels that may be wrong."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._categorical_loss import CategoricalLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import per_example, predictions


@register
def bi_tempered_logistic_loss(
    y_true: Tensor,
    y_pred: Tensor,
    t1: float = 0.8,
    t2: float = 1.2,
    iterations: int = 30,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Logistic loss with two temperatures (bi-tempered), for labels that may be wrong.

    `Σ_c y (log_t1 y - log_t1 p) - (y^(2 - t1) - p^(2 - t1)) / (2 - t1)`, with `log_t x = (x^(1 - t)
    - 1) / (1 - t)` and the heavy-tailed softmax `p = exp_t2(a - λ)`, where λ makes the sum 1. `t1 <
    1` bounds the loss of one outlier, `t2 > 1` keeps what is near the border from drawing it there.
    `t1 = t2 = 1` is the cross-entropy (less the entropy of the labels).

    λ is found by `iterations` steps of the fixed point (t2 > 1) or of bisection (t2 < 1); its
    gradient is the exact one, through the escort distribution, and not that of the steps.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or distributions
            of the shape of `y_pred`.
        y_pred: logits a, with the classes along `axis`.
        t1: temperature of the logarithm, in [0, 1]. Default: 0.8.
        t2: temperature of the softmax, in (0, 4]. Default: 1.2.
        iterations: steps to find λ, ≥ 1. Default: 30.
        ignore_class: label whose elements have loss 0. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `y_pred.shape` without `axis`, in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.bi_tempered_logistic_loss([0, 1], np.array([[2.0, 0.0], [2.0, 0.0]]))
    >>> np.array(loss).round(4).tolist()
    [0.1096, 1.4531]

    Reference:
        Amid et al., 2019, Robust bi-tempered logistic loss, https://arxiv.org/abs/1906.03361.
        Differs from the authors' code in the smoothing, which spreads a over all classes as Keras
        does.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    p = _tempered_softmax(y_pred, t2, iterations)
    y = targets.one_hot(y_pred.dtype)
    y = (1.0 - label_smoothing) * y + label_smoothing / targets.classes
    gain = (_power(y, 2.0 - t1) - _power(p, 2.0 - t1)) / (2.0 - t1)
    # The plain logarithm of the plain softmax is finite where the probability is rounded to 0.
    log_p = ops.log_softmax(y_pred, axis=-1) if t1 == t2 == 1.0 else _log_t(p, t1)
    cost = ops.where(y > 0, y * (_log_t(y, t1) - log_p), 0.0) - gain
    return per_example(targets.checked(ops.sum(cost, axis=-1)), y_pred, dtype)


def _power(x: Tensor, exponent: float) -> Tensor:
    """`x ** exponent`, 0 with gradient 0 at 0."""
    zero = x <= 0
    return ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, x), exponent))


def _log_t(x: Tensor, t: float) -> Tensor:
    if t == 1.0:
        return ops.log(ops.maximum(x, 1e-30))
    return (_power(x, 1.0 - t) - 1.0) / (1.0 - t)


def _exp_t(x: Tensor, t: float) -> Tensor:
    if t == 1.0:
        return ops.exp(x)
    base = 1.0 + (1.0 - t) * x
    inside = base > 0
    return ops.where(inside, ops.power(ops.where(inside, base, 1.0), 1.0 / (1.0 - t)), 0.0)


def _tempered_softmax(a: Tensor, t: float, iterations: int) -> Tensor:
    """`exp_t(a - λ(a))`, with the sum 1 along the last axis."""
    if t == 1.0:
        return ops.softmax(a, axis=-1)
    fixed = ops.stop_gradient(a)
    top = ops.max(fixed, axis=-1, keepdims=True)
    find = _fixed_point if t > 1.0 else _bisection
    normaliser = find(fixed - top, t, iterations) + top
    # dλ/da is the escort distribution p^t / Σ p^t.
    escort = _power(_exp_t(fixed - normaliser, t), t)
    escort = escort / ops.sum(escort, axis=-1, keepdims=True)
    moved = ops.sum(escort * (a - fixed), axis=-1, keepdims=True)  # value 0, gradient the escort
    return _exp_t(a - (normaliser + moved), t)


def _fixed_point(a: Tensor, t: float, iterations: int) -> Tensor:
    scaled = a
    for _ in range(iterations):
        total = ops.sum(_exp_t(scaled, t), axis=-1, keepdims=True)
        scaled = a * ops.power(total, 1.0 - t)
    total = ops.sum(_exp_t(scaled, t), axis=-1, keepdims=True)
    return -_log_t(1.0 / total, t)


def _bisection(a: Tensor, t: float, iterations: int) -> Tensor:
    # With λ = 0 the largest entry alone gives 1, and with equal entries the sum is still ≥ 1 at 0.
    count = a.shape[-1]
    low = ops.zeros_like(a[..., :1])
    high = ops.zeros_like(low) - (count ** (t - 1.0) - 1.0) / (1.0 - t)
    for _ in range(iterations):
        middle = 0.5 * (low + high)
        above = ops.sum(_exp_t(a - middle, t), axis=-1, keepdims=True) > 1.0
        low, high = ops.where(above, middle, low), ops.where(above, high, middle)
    return 0.5 * (low + high)


@register
class BiTemperedLogisticLoss(CategoricalLoss):
    """Logistic loss with two temperatures (bi-tempered), for labels that may be wrong.

    See `mlkit.losses.bi_tempered_logistic_loss`. Predictions are logits.

    Args:
        t1: temperature of the logarithm, in [0, 1]. Default: 0.8.
        t2: temperature of the softmax, in (0, 4]. Default: 1.2.
        iterations: steps to find the normaliser, ≥ 1. Default: 30.
        ignore_class: label that is left out of sum and mean. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.BiTemperedLogisticLoss(t1=0.5)
    >>> round(float(loss(np.array([0, 1]), np.array([[2.0, 0.0], [2.0, 0.0]]))), 4)
    0.5684
    """

    def __init__(
        self,
        t1: float = 0.8,
        t2: float = 1.2,
        iterations: int = 30,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(True, ignore_class, label_smoothing, axis, **kwargs)
        check_number("t1", t1, low=0.0, high=1.0)
        check_number("t2", t2, low=0.0, high=4.0, open_low=True)
        check_integer("iterations", iterations, low=1)
        self.t1 = t1
        self.t2 = t2
        self.iterations = iterations

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return bi_tempered_logistic_loss(
            y_true,
            y_pred,
            self.t1,
            self.t2,
            self.iterations,
            self.ignore_class,
            self.label_smoothing,
            self.axis,
        )

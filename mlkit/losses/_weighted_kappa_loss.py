"""Loss from Cohen's kappa with weights."""

from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._values import of_batch, predictions


@register
def weighted_kappa_loss(
    y_true: Tensor,
    y_pred: Tensor,
    num_classes: int,
    weightage: str = "quadratic",
    epsilon: float = 1e-6,
) -> Tensor:
    """Logarithm of one minus Cohen's weighted kappa, for ordered classes.

    `log(1 - κ + ε)` with `1 - κ = N Σ_n Σ_c w[y_n, c] p_n[c] / Σ_{b,c} w[b, c] n[b] m[c]`, where n
    counts the labels, m adds up the probabilities, and `w[b, c]` is |b - c| or its square.

    Args:
        y_true: class indices of shape `(N,)` or `(N, 1)`, or distributions of shape
            `(N, num_classes)`.
        y_pred: probabilities of shape `(N, num_classes)`.
        num_classes: number of ordered classes, ≥ 2.
        weightage: `"linear"` or `"quadratic"`. Default: `"quadratic"`.
        epsilon: ε > 0. Default: 1e-6.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; every value is that of the batch. `log ε`
        where labels and predictions have one class only.

    Raises:
        ValueError: a label is no class, or the last axis is not `num_classes`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
    >>> np.array(mk.losses.weighted_kappa_loss([0, 2], p, num_classes=3)).round(4).tolist()
    [-1.213, -1.213]

    Reference:
        de la Torre et al., 2018, https://doi.org/10.1016/j.patrec.2017.05.018; the logarithm is
        that of TensorFlow Addons.
    """
    y_pred, dtype = predictions(y_pred)
    if y_pred.shape[-1] != num_classes:
        raise ValueError(
            f"`y_pred` must have {num_classes} classes in its last axis (`num_classes`). Received: "
            f"y_pred of shape {tuple(y_pred.shape)}"
        )
    targets, y_pred = class_targets(y_true, y_pred)
    y = targets.one_hot(y_pred.dtype)
    steps = np.abs(np.subtract.outer(np.arange(num_classes), np.arange(num_classes)))
    weights = steps**2 if weightage == "quadratic" else steps
    weights = ops.convert_to_tensor(weights, dtype=y_pred.dtype)
    found = ops.sum(ops.matmul(y, weights) * y_pred)
    counts, masses = ops.sum(y, axis=0), ops.sum(y_pred, axis=0)
    expected = ops.sum(ops.matmul(counts[None], weights)[0] * masses)
    size = ops.cast(ops.shape(y)[0], y_pred.dtype)
    ratio = ops.divide_no_nan(found * size, expected)
    inside = targets._replace(inside=ops.all(targets.inside))
    return of_batch(inside.checked(ops.log(ratio + epsilon)), y_pred, dtype)


@register
class WeightedKappaLoss(BaseLoss):
    """Logarithm of one minus Cohen's weighted kappa, for ordered classes.

    See `mlkit.losses.weighted_kappa_loss`. The value is that of the batch: large batches are better
    ones, and under a `tf.distribute` strategy it is the replica's own share.

    Args:
        num_classes: number of ordered classes, ≥ 2.
        weightage: `"linear"` or `"quadratic"`. Default: `"quadratic"`.
        epsilon: number > 0 added before the logarithm. Default: 1e-6.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
    >>> round(float(mk.losses.WeightedKappaLoss(num_classes=3)(np.array([0, 2]), p)), 4)
    -1.213
    """

    def __init__(
        self,
        num_classes: int,
        weightage: str = "quadratic",
        epsilon: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_integer("num_classes", num_classes, low=2)
        check_choice("weightage", weightage, ("linear", "quadratic"))
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        self.num_classes = num_classes
        self.weightage = weightage
        self.epsilon = epsilon

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return weighted_kappa_loss(y_true, y_pred, self.num_classes, self.weightage, self.epsilon)

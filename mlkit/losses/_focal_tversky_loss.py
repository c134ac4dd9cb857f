"""Tversky loss to a power."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._overlap_loss import OverlapLoss
from mlkit.losses._regions import Regions, overlap_loss


@register
def focal_tversky_loss(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    smooth: float = 1.0,
    per: str = "sample",
    class_weight: Mapping[int, float] | Sequence[float] | None = None,
    from_logits: bool = False,
    multilabel: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Focal Tversky loss of each example, averaged over the classes.

    `(1 - TI)^(1 / gamma)`, with `TI = (TP + s) / (TP + alpha FP + beta FN + s)`. The steps stay
    large where the overlap is already good, which helps small regions. The infinite slope at
    `TI = 1` is cut out: the gradient there is 0.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or labels in
            [0, 1] of the shape of `y_pred`.
        y_pred: probabilities or logits of shape `(N, ..., C)`, with the classes along `axis`.
        alpha: weight ≥ 0 of the false positives. Default: 0.3.
        beta: weight ≥ 0 of the false negatives. Default: 0.7.
        gamma: in [1, 3]: the larger, the more a badly covered class counts. Default: 4/3.
        smooth: s > 0. Default: 1.0.
        per: `"sample"` (regions of each example; the values are averaged) or `"batch"` (regions of
            all examples together: every value is that of the batch). Default: `"sample"`.
        class_weight: weight ≥ 0 of each class in the mean over classes: a sequence, or a dict (1
            for what it leaves out). Default: None, all 1.
        from_logits: whether `y_pred` are logits. Default: False.
        multilabel: whether classes may overlap, so that logits go through a sigmoid each and not
            through a softmax (as they do for a single class). Default: False.
        ignore_class: label whose places count for nothing. Default: None.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth = np.array([[0, 0, 1, 1], [0, 0, 0, 0]])  # (N, places)
    >>> p = np.eye(2)[[[0, 1, 1, 1], [0, 0, 0, 0]]]  # (N, places, C)
    >>> np.array(mk.losses.focal_tversky_loss(truth, p)).round(4).tolist()
    [0.2644, 0.0]

    Reference:
        Abraham and Khan, 2019, https://arxiv.org/abs/1810.07842. Differs from the paper's letters,
        not from its loss: there alpha weighs the false negatives.
    """
    options = {
        "per": per,
        "class_weight": class_weight,
        "from_logits": from_logits,
        "multilabel": multilabel,
        "ignore_class": ignore_class,
        "axis": axis,
    }

    def score(regions: Regions) -> Tensor:
        weighted = alpha * regions.predicted_only + beta * regions.true_only
        return (regions.both + smooth) / (regions.both + weighted + smooth)

    def focus(values: Tensor) -> Tensor:
        zero = values <= 0
        return ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, values), 1.0 / gamma))

    return overlap_loss(y_true, y_pred, score, options, focus)


@register
class FocalTverskyLoss(OverlapLoss):
    """Focal Tversky loss of each example, averaged over the classes.

    See `mlkit.losses.focal_tversky_loss`. With `per="batch"` under a `tf.distribute` strategy
    the batch is the replica's own share.

    Args:
        alpha: weight ≥ 0 of the false positives. Default: 0.3.
        beta: weight ≥ 0 of the false negatives. Default: 0.7.
        gamma: in [1, 3]: the larger, the more a badly covered class counts. Default: 4/3.
        smooth: number > 0 added to numerator and denominator. Default: 1.0.
        per: `"sample"` (regions of each example; the values are averaged) or `"batch"` (regions of
            all examples together: every value is that of the batch). Default: `"sample"`.
        class_weight: weight ≥ 0 of each class in the mean over classes: a sequence, or a dict (1
            for what it leaves out). Default: None, all 1.
        from_logits: whether predictions are logits. Default: False.
        multilabel: whether classes may overlap, so that logits go through a sigmoid each and not
            through a softmax (as they do for a single class). Default: False.
        ignore_class: label whose places count for nothing. Default: None.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> truth = np.array([[0, 0, 1, 1], [0, 0, 0, 0]])
    >>> p = np.eye(2)[[[0, 1, 1, 1], [0, 0, 0, 0]]]
    >>> round(float(mk.losses.FocalTverskyLoss()(truth, p)), 4)
    0.1322
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 4 / 3,
        smooth: float = 1.0,
        per: str = "sample",
        class_weight: Mapping[int, float] | Sequence[float] | None = None,
        from_logits: bool = False,
        multilabel: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(
            smooth, per, class_weight, from_logits, multilabel, ignore_class, axis, **kwargs
        )
        check_number("alpha", alpha, low=0.0)
        check_number("beta", beta, low=0.0)
        self.alpha = alpha
        self.beta = beta
        check_number("gamma", gamma, low=1.0, high=3.0)
        self.gamma = gamma

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return focal_tversky_loss(
            y_true, y_pred, self.alpha, self.beta, self.gamma, **self._shared()
        )

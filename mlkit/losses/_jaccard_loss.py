"""Jaccard (soft intersection over union) loss, per example and class."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._overlap_loss import OverlapLoss
from mlkit.losses._regions import Regions, overlap_loss


@register
def jaccard_loss(
    y_true: Tensor,
    y_pred: Tensor,
    smooth: float = 1.0,
    per: str = "sample",
    class_weight: Mapping[int, float] | Sequence[float] | None = None,
    from_logits: bool = False,
    multilabel: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Jaccard (soft IoU) loss of each example, averaged over the classes.

    `1 - (|P ∩ T| + s) / (|P ∪ T| + s)` with the sums over all places. A class that is neither there
    nor predicted has loss 0.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or labels in
            [0, 1] of the shape of `y_pred`.
        y_pred: probabilities or logits of shape `(N, ..., C)`, with the classes along `axis`.
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
    >>> np.array(mk.losses.jaccard_loss(truth, p)).round(4).tolist()
    [0.2917, 0.0]

    Reference:
        Rahman and Wang, 2016, https://doi.org/10.1007/978-3-319-50835-1_22.
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
        union = regions.both + regions.predicted_only + regions.true_only
        return (regions.both + smooth) / (union + smooth)

    return overlap_loss(y_true, y_pred, score, options)


@register
class JaccardLoss(OverlapLoss):
    """Jaccard (soft IoU) loss of each example, averaged over the classes.

    See `mlkit.losses.jaccard_loss`. With `per="batch"` under a `tf.distribute` strategy
    the batch is the replica's own share.

    Args:
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
    >>> round(float(mk.losses.JaccardLoss()(truth, p)), 4)
    0.1458
    """

    def __init__(
        self,
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

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return jaccard_loss(y_true, y_pred, **self._shared())

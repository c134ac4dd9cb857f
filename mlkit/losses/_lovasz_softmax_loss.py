"""Lovász softmax: a surrogate of the mean Jaccard loss over classes."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets
from mlkit.losses._lovasz_hinge_loss import jaccard_growth
from mlkit.losses._values import of_batch, per_example, predictions


@register
def lovasz_softmax_loss(
    y_true: Tensor,
    y_pred: Tensor,
    classes: str = "present",
    per: str = "sample",
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Lovász softmax: a surrogate of the mean Jaccard loss over classes.

    For each class, with the errors `|[y = c] - p[c]|` of all places in falling order, the sum of
    the error times the growth of the Jaccard loss when that place joins the wrong ones; averaged
    over the classes.

    Args:
        y_true: class indices of shape `y_pred.shape` without `axis` (or 1 there), or one-hot labels
            of the shape of `y_pred`.
        y_pred: probabilities or logits of shape `(N, ..., C)`, with the classes along `axis`.
        classes: `"present"` (average over the classes that the labels hold) or `"all"`. Default:
            `"present"`.
        per: `"sample"` (each example by itself) or `"batch"` (all places together: every value is
            that of the batch, as in the authors' default). Default: `"sample"`.
        from_logits: whether `y_pred` are logits. Default: False.
        ignore_class: label whose places count for nothing. Default: None.
        axis: axis of the classes. Default: -1.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 for an example without counted places.

    Raises:
        ValueError: a label is no class, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]])
    >>> np.array(mk.losses.lovasz_softmax_loss([[0, 1, 1]], p)).round(4).tolist()
    [0.55]

    Reference:
        Berman et al., 2018, The Lovász-softmax loss, https://arxiv.org/abs/1705.08790.
    """
    y_pred, dtype = predictions(y_pred)
    targets, y_pred = class_targets(y_true, y_pred, ignore_class, axis)
    probabilities = ops.softmax(y_pred, axis=-1) if from_logits else y_pred
    truth = targets.one_hot(y_pred.dtype)
    error = ops.abs(truth - probabilities)
    if targets.valid is not None:
        error = ops.where(targets.valid[..., None], error, 0.0)  # no error, last
    rows = ops.shape(y_pred)[0] if per == "sample" else 1
    count = targets.classes
    error, truth = (
        ops.reshape(ops.swapaxes(ops.reshape(x, (rows, -1, count)), 1, 2), (rows * count, -1))
        for x in (error, truth)
    )
    each = ops.sum(error * jaccard_growth(error, truth), axis=1)
    each = ops.reshape(each, (rows, count))
    if classes == "present":
        there = ops.any(ops.reshape(truth, (rows, count, -1)) > 0, axis=-1)
        there = ops.cast(there, each.dtype)
        number = ops.maximum(ops.sum(there, axis=1), 1.0)
        values = ops.sum(each * there, axis=1) / number
    else:
        values = ops.mean(each, axis=1)
    inside = ops.all(ops.reshape(targets.inside, (rows, -1)), axis=1)
    values = targets._replace(inside=inside, valid=None).checked(values)
    if per == "sample":
        return per_example(values, y_pred, dtype)
    return of_batch(ops.broadcast_to(values, (ops.shape(y_pred)[0],)), y_pred, dtype)


@register
class LovaszSoftmaxLoss(BaseLoss):
    """Lovász softmax: a surrogate of the mean Jaccard loss over classes.

    See `mlkit.losses.lovasz_softmax_loss`. With `per="batch"` under a `tf.distribute` strategy the
    batch is the replica's own share.

    Args:
        classes: `"present"` or `"all"`. Default: `"present"`.
        per: `"sample"` or `"batch"`. Default: `"sample"`.
        from_logits: whether predictions are logits. Default: False.
        ignore_class: label whose places count for nothing. Default: None.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> p = np.array([[[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]])
    >>> round(float(mk.losses.LovaszSoftmaxLoss(classes="all")(np.array([[0, 1, 1]]), p)), 4)
    0.55
    """

    def __init__(
        self,
        classes: str = "present",
        per: str = "sample",
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_choice("classes", classes, ("present", "all"))
        check_choice("per", per, ("sample", "batch"))
        check_bool("from_logits", from_logits)
        check_integer("axis", axis)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        self.classes = classes
        self.per = per
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return lovasz_softmax_loss(
            y_true,
            y_pred,
            self.classes,
            self.per,
            self.from_logits,
            self.ignore_class,
            self.axis,
        )

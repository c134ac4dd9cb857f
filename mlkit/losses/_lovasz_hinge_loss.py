"""Lovász hinge: a convex surrogate of the Jaccard loss of one class."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.guard import nan_unless
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._values import check_same_shape, of_batch, per_example, predictions


@register
def lovasz_hinge_loss(
    y_true: Tensor, y_pred: Tensor, per: str = "sample", ignore_class: int | None = None
) -> Tensor:
    """Lovász hinge: a convex surrogate of the Jaccard loss of one class.

    With the hinge errors `1 - logit · sign` of all places in falling order, the sum of
    `max(error, 0)` times the growth of the Jaccard loss when that place joins the wrong ones.

    Args:
        y_true: labels 0 and 1 (and `ignore_class`) of the shape of `y_pred`, or without its last
            axis if that is 1.
        y_pred: logits of shape `(N, ...)`.
        per: `"sample"` (each example by itself) or `"batch"` (all places together: every value is
            that of the batch). Default: `"sample"`.
        ignore_class: label whose places count for nothing. Default: None.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`; 0 for an example without counted places.

    Raises:
        ValueError: a label that is not 0, 1 or `ignore_class`, or shapes do not match.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> logits = np.array([[2.0, -1.0, 0.5], [-3.0, -2.0, -2.0]])
    >>> np.array(mk.losses.lovasz_hinge_loss([[1, 1, 0], [0, 0, 0]], logits)).round(4).tolist()
    [1.25, 0.0]

    Reference:
        Berman et al., 2018, The Lovász-softmax loss, https://arxiv.org/abs/1705.08790.
    """
    y_pred, dtype = predictions(y_pred)
    labels: Tensor = ops.convert_to_tensor(y_true)
    if len(labels.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
        labels = ops.expand_dims(labels, axis=-1)
    check_same_shape("y_true", labels.shape, "y_pred", y_pred.shape)
    size = -1 if per == "sample" else ops.shape(y_pred)[0]
    rows = ops.shape(y_pred)[0] if per == "sample" else 1
    labels = ops.reshape(labels, (rows, -1))
    logits = ops.reshape(y_pred, (rows, -1))
    true = ops.equal(labels, 1)
    known = ops.logical_or(true, ops.equal(labels, 0))
    counted = ops.ones_like(true)
    if ignore_class is not None:
        counted = ops.not_equal(labels, ignore_class)
        true = ops.logical_and(true, counted)
        known = ops.logical_or(known, ops.logical_not(counted))
    truth = ops.cast(true, logits.dtype)
    error = ops.where(counted, 1.0 - logits * (2.0 * truth - 1.0), -1.0)  # -1: no error, last
    values = ops.sum(ops.relu(error) * jaccard_growth(error, truth), axis=1)
    message = "`y_true` must hold the labels 0 and 1 only, or `ignore_class`."
    values = nan_unless(ops.all(known, axis=1), values, message)
    if per == "sample":
        return per_example(values, y_pred, dtype)
    return of_batch(ops.broadcast_to(values, (size,)), y_pred, dtype)


def jaccard_growth(error: Tensor, truth: Tensor) -> Tensor:
    """How much the Jaccard loss grows when each place, from the worst on, joins the wrong ones.

    Args:
        error: errors of shape (rows, places).
        truth: 1 where the class is, 0 elsewhere, of the same shape.

    Returns:
        Tensor of that shape, without gradient: it depends on the order only.
    """
    order = ops.argsort(ops.stop_gradient(-error), axis=1)
    ranked = ops.take_along_axis(truth, order, axis=1)
    total = ops.sum(ranked, axis=1, keepdims=True)
    both = total - ops.cumsum(ranked, axis=1)
    either = total + ops.cumsum(1.0 - ranked, axis=1)
    jaccard = 1.0 - both / ops.maximum(either, 1.0)
    first, later = jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]
    growth = ops.concatenate([first, later], axis=1)
    back = ops.argsort(order, axis=1)
    return ops.stop_gradient(ops.take_along_axis(growth, back, axis=1))


@register
class LovaszHingeLoss(BaseLoss):
    """Lovász hinge: a convex surrogate of the Jaccard loss of one class.

    See `mlkit.losses.lovasz_hinge_loss`. With `per="batch"` under a `tf.distribute` strategy the
    batch is the replica's own share.

    Args:
        per: `"sample"` or `"batch"`. Default: `"sample"`.
        ignore_class: label whose places count for nothing. Default: None.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> logits = np.array([[2.0, -1.0, 0.5]])
    >>> round(float(mk.losses.LovaszHingeLoss()(np.array([[1, 1, 0]]), logits)), 4)
    1.25
    """

    def __init__(self, per: str = "sample", ignore_class: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        check_choice("per", per, ("sample", "batch"))
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        self.per = per
        self.ignore_class = ignore_class

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return lovasz_hinge_loss(y_true, y_pred, self.per, self.ignore_class)

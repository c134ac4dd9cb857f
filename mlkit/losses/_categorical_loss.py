"""What the cross-entropies over exclusive classes share."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import class_targets, weight_vector


class CategoricalLoss(BaseLoss):
    """A loss over exclusive classes, with `from_logits`, `ignore_class`, smoothing and `axis`.

    Elements whose label is `ignore_class` are not counted in a mean. With
    `reduction="mean_with_sample_weight"` the divisor is the sum of the class weights of the labels
    times `sample_weight`, as in PyTorch.

    Args:
        from_logits: whether predictions are logits, and not probabilities. Default: False.
        ignore_class: label to leave out. Default: None.
        label_smoothing: share of the label spread over all classes, in [0, 1]. Default: 0.
        axis: axis of the classes in `y_pred`. Default: -1.
        **kwargs: as for `keras.losses.Loss`.
    """

    class_weight: Any = None

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_bool("from_logits", from_logits)
        check_number("label_smoothing", label_smoothing, low=0.0, high=1.0)
        check_integer("axis", axis)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.label_smoothing = label_smoothing
        self.axis = axis

    def importance(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if self.ignore_class is None and self.class_weight is None:
            return None
        targets, y_pred = class_targets(y_true, y_pred, self.ignore_class, self.axis)
        weights = weight_vector(self.class_weight, targets.classes, y_pred.dtype)
        if weights is None:
            return None if targets.valid is None else ops.cast(targets.valid, y_pred.dtype)
        if self.reduction != "mean_with_sample_weight":
            weights = ops.ones_like(weights)  # weights change the values, not their number
        if targets.dense is not None:
            return ops.sum(targets.dense * weights, axis=-1)
        share = ops.take(weights, targets.sparse)
        return share if targets.valid is None else ops.where(targets.valid, share, 0.0)

    def _shared(self) -> dict[str, Any]:
        """The arguments of this base, as the functions take them."""
        return {
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }

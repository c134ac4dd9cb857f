"""What the losses of regions share."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._class_targets import check_class_weight


class OverlapLoss(BaseLoss):
    """A loss of regions: labels and predictions of shape (N, ..., C), one value an example.

    Args:
        smooth: added to numerator and denominator. Default: 1.0.
        per: `"sample"` or `"batch"`. Default: `"sample"`.
        class_weight: a weight for each class. Default: None.
        from_logits: whether predictions are logits. Default: False.
        multilabel: whether classes may overlap. Default: False.
        ignore_class: label to leave out. Default: None.
        axis: axis of the classes. Default: -1.
        **kwargs: as for `keras.losses.Loss`.
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
        super().__init__(**kwargs)
        check_number("smooth", smooth, low=0.0, open_low=True)
        check_choice("per", per, ("sample", "batch"))
        check_class_weight("class_weight", class_weight)
        check_bool("from_logits", from_logits)
        check_bool("multilabel", multilabel)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        check_integer("axis", axis)
        self.smooth = smooth
        self.per = per
        self.class_weight = class_weight
        self.from_logits = from_logits
        self.multilabel = multilabel
        self.ignore_class = ignore_class
        self.axis = axis

    def _shared(self) -> dict[str, Any]:
        """The arguments of this base, as the functions take them."""
        names = "smooth per class_weight from_logits multilabel ignore_class axis".split()
        return {name: getattr(self, name) for name in names}

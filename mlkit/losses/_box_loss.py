"""What the losses of boxes share."""

from typing import Any

from mlkit._core.checks import check_choice
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._box_pair import FORMATS


class BoxLoss(BaseLoss):
    """A loss of pairs of boxes of shape (..., 4): one value a pair.

    Args:
        box_format: meaning of the four numbers. Default: `"yxyx"`.
        **kwargs: as for `keras.losses.Loss`.
    """

    def __init__(self, box_format: str = "yxyx", **kwargs: Any):
        super().__init__(**kwargs)
        check_choice("box_format", box_format, FORMATS)
        self.box_format = box_format

"""Total variation of predicted images."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_choice
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._images import LAYOUTS, channels_last
from mlkit.losses._values import per_example, predictions
from mlkit.ops._safe_sqrt import safe_sqrt


@register
def total_variation_loss(
    y_true: Tensor,
    y_pred: Tensor,
    isotropic: bool = False,
    data_format: str = "channels_last",
) -> Tensor:
    """Total variation of predicted images, an entry of the image.

    The sum of `|Δx| + |Δy|` over all neighbours, or with `isotropic` of `√(Δx² + Δy²)` (a
    difference beyond the border is 0), divided by height · width · channels. It holds no truth: add
    it to another loss to smooth what that one leaves open.

    Args:
        y_true: not used (Keras wants targets: anything with N entries).
        y_pred: images of shape `(N, height, width, channels)`.
        isotropic: whether both differences go into one length. Default: False.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`. Where nothing changes the gradient is 0.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> image = np.array([[0.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1)
    >>> np.array(mk.losses.total_variation_loss(image, image)).tolist()
    [0.5]

    Reference:
        Rudin et al., 1992, https://doi.org/10.1016/0167-2789(92)90242-F. Differs from
        `tf.image.total_variation` in the division by the number of entries.
    """
    y_pred, dtype = predictions(y_pred)
    images = channels_last(y_pred, data_format)
    down = images[:, 1:] - images[:, :-1]
    across = images[:, :, 1:] - images[:, :, :-1]
    if isotropic:
        down = ops.pad(down, [(0, 0), (0, 1), (0, 0), (0, 0)])
        across = ops.pad(across, [(0, 0), (0, 0), (0, 1), (0, 0)])
        total = ops.sum(safe_sqrt(down * down + across * across), axis=(1, 2, 3))
    else:
        total = ops.sum(ops.abs(down), axis=(1, 2, 3)) + ops.sum(ops.abs(across), axis=(1, 2, 3))
    entries = ops.cast(ops.size(images[0]), total.dtype)
    return per_example(total / entries, images, dtype)


@register
class TotalVariationLoss(BaseLoss):
    """Total variation of predicted images, an entry of the image.

    See `mlkit.losses.total_variation_loss`.

    Args:
        isotropic: whether both differences go into one length. Default: False.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> image = np.array([[0.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1)
    >>> float(mk.losses.TotalVariationLoss()(image, image))
    0.5
    """

    def __init__(self, isotropic: bool = False, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(**kwargs)
        check_bool("isotropic", isotropic)
        check_choice("data_format", data_format, LAYOUTS)
        self.isotropic = isotropic
        self.data_format = data_format

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return total_variation_loss(y_true, y_pred, self.isotropic, self.data_format)

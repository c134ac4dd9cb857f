"""One minus the structural similarity of images over several scales."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._images import LAYOUTS, check_window, image_pair, similarity
from mlkit.losses._values import per_example

_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@register
def multi_scale_ssim_loss(
    y_true: Tensor,
    y_pred: Tensor,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    power_factors: Sequence[float] = _POWERS,
    data_format: str = "channels_last",
) -> Tensor:
    """One minus the structural similarity of images over several scales (MS-SSIM).

    `1 - mean_c S_K^w_K Π_{k<K} C_k^w_k`, with C_k the contrast part on the images halved k - 1
    times, and S_K the whole similarity on the smallest. A part below zero counts as zero (with
    gradient zero), since its power would be NaN.

    Args:
        y_true: images of the shape of `y_pred`.
        y_pred: images of shape `(N, height, width, channels)`.
        max_val: range of the values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes. Default: 1.
        filter_size: side of the window in pixels. Default: 11.
        filter_sigma: standard deviation of the window in pixels. Default: 1.5.
        power_factors: w_k > 0, one a scale, the finest first. Default: the five of the authors, for
            sides of at least 176 pixels.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`, in [0, 1].

    Raises:
        ValueError: the window is larger than the smallest of the scaled images.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> images = np.random.default_rng(0).random((1, 32, 32, 1))
    >>> loss = mk.losses.multi_scale_ssim_loss(images, images, power_factors=[0.5, 0.5])
    >>> np.array(loss).round(4).tolist()
    [0.0]

    Reference:
        Wang et al., 2003, Multiscale structural similarity,
        https://doi.org/10.1109/ACSSC.2003.1292216.
    """
    a, b, dtype = image_pair(y_true, y_pred, data_format)
    check_window(b, filter_size, len(power_factors))
    small_a, small_b, product = a, b, 1.0
    for k, power in enumerate(power_factors):
        if k:
            small_a, small_b = _halved(small_a), _halved(small_b)
        whole, contrast = similarity(small_a, small_b, max_val, filter_size, filter_sigma)
        part = whole if k == len(power_factors) - 1 else contrast
        below = part <= 0
        product = product * ops.where(below, 0.0, ops.power(ops.where(below, 1.0, part), power))
    return per_example(1.0 - ops.mean(product, axis=-1), b, dtype)


def _halved(images: Tensor) -> Tensor:
    # An odd side is continued by its last row, as TensorFlow's own function does.
    odd = [(0, side % 2) for side in images.shape[1:3]]
    images = ops.pad(images, [(0, 0), *odd, (0, 0)], mode="symmetric")
    return ops.average_pool(images, 2, 2, data_format="channels_last")


@register
class MultiScaleSSIMLoss(BaseLoss):
    """One minus the structural similarity of images over several scales (MS-SSIM).

    See `mlkit.losses.multi_scale_ssim_loss`.

    Args:
        max_val: range of the values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes. Default: 1.
        filter_size: side of the window in pixels. Default: 11.
        filter_sigma: standard deviation of the window in pixels. Default: 1.5.
        power_factors: exponents > 0, one a scale, the finest first. Default: the five of the
            authors.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> loss = mk.losses.MultiScaleSSIMLoss(filter_size=7, power_factors=[0.5, 0.5])
    >>> images = np.ones((1, 32, 32, 1))
    >>> round(float(loss(images, 0.5 * images)), 3)
    0.106
    """

    def __init__(
        self,
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        power_factors: Sequence[float] = _POWERS,
        data_format: str = "channels_last",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_number("max_val", max_val, low=0.0, open_low=True)
        check_integer("filter_size", filter_size, low=1)
        check_number("filter_sigma", filter_sigma, low=0.0, open_low=True)
        check_choice("data_format", data_format, LAYOUTS)
        powers = np.asarray(power_factors, "float64")
        if powers.ndim != 1 or not len(powers) or not (powers > 0).all():
            raise ValueError(
                "`power_factors` must be numbers > 0, one a scale. Received: "
                f"power_factors={power_factors!r}"
            )
        self.max_val = max_val
        self.filter_size = filter_size
        self.filter_sigma = filter_sigma
        self.power_factors = power_factors
        self.data_format = data_format

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return multi_scale_ssim_loss(
            y_true,
            y_pred,
            self.max_val,
            self.filter_size,
            self.filter_sigma,
            self.power_factors,
            self.data_format,
        )

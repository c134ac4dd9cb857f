"""One minus the structural similarity of images."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._images import LAYOUTS, check_window, image_pair, similarity
from mlkit.losses._values import per_example


@register
def ssim_loss(
    y_true: Tensor,
    y_pred: Tensor,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    data_format: str = "channels_last",
) -> Tensor:
    """One minus the structural similarity (SSIM) of images.

    The mean over places and channels of `(2 μ μ' + c1) (2 σ' + c2) / ((μ² + μ'² + c1) (σ² + σ'² +
    c2))`, whose means and variances are weighed by a Gaussian window; `c1 = (0.01 max_val)²`,
    `c2 = (0.03 max_val)²`. Only windows inside the image count.

    Args:
        y_true: images of the shape of `y_pred`.
        y_pred: images of shape `(N, height, width, channels)`.
        max_val: range of the values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes. Default: 1.
        filter_size: side of the window in pixels. Default: 11.
        filter_sigma: standard deviation of the window in pixels. Default: 1.5.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`, in [0, 2].

    Raises:
        ValueError: the window is larger than the image.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> images = np.random.default_rng(0).random((2, 16, 16, 3))
    >>> np.array(mk.losses.ssim_loss(images, images)).round(4).tolist()
    [0.0, 0.0]

    Reference:
        Wang et al., 2004, Image quality assessment, https://doi.org/10.1109/TIP.2003.819861.
    """
    a, b, dtype = image_pair(y_true, y_pred, data_format)
    check_window(b, filter_size)
    whole, _ = similarity(a, b, max_val, filter_size, filter_sigma)
    return per_example(1.0 - ops.mean(whole, axis=-1), b, dtype)


@register
class SSIMLoss(BaseLoss):
    """One minus the structural similarity (SSIM) of images.

    See `mlkit.losses.ssim_loss`.

    Args:
        max_val: range of the values: 1 for [0, 1], 2 for [-1, 1], 255 for bytes. Default: 1.
        filter_size: side of the window in pixels. Default: 11.
        filter_sigma: standard deviation of the window in pixels. Default: 1.5.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> images = np.ones((2, 16, 16, 3))
    >>> round(float(mk.losses.SSIMLoss(filter_size=7)(images, 0.5 * images)), 3)
    0.2
    """

    def __init__(
        self,
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        data_format: str = "channels_last",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_number("max_val", max_val, low=0.0, open_low=True)
        check_integer("filter_size", filter_size, low=1)
        check_number("filter_sigma", filter_sigma, low=0.0, open_low=True)
        check_choice("data_format", data_format, LAYOUTS)
        self.max_val = max_val
        self.filter_size = filter_size
        self.filter_sigma = filter_sigma
        self.data_format = data_format

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ssim_loss(
            y_true, y_pred, self.max_val, self.filter_size, self.filter_sigma, self.data_format
        )

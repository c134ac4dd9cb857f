"""Structural similarity of two images."""

import numpy as np
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """Weights of a Gaussian at `size` points around its middle, of sum 1, in float64."""
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


def _blur(images: Tensor, window: np.ndarray) -> Tensor:
    """Each channel blurred down and across, only where the window fits."""
    channels = images.shape[-1]
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = np.tile(window.reshape(shape), (1, 1, channels, 1)).astype("float32")
        images = ops.depthwise_conv(images, kernel, data_format="channels_last")
    return images


def structural_similarity(
    y_true: Tensor,
    y_pred: Tensor,
    max_val: float = 1.0,
    *,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> tuple[Tensor, Tensor]:
    """Structural similarity of images, and its part for contrast and structure.

    At each place, with means μ, variances σ² and the covariance under a Gaussian window,

        (2 μ_x μ_y + c1) / (μ_x² + μ_y² + c1) * (2 σ_xy + c2) / (σ_x² + σ_y² + c2)

    with c1 = (k1 max_val)² and c2 = (k2 max_val)², averaged over the places where the window fits
    and over channels. The second factor alone is what the multi-scale form needs.

    Args:
        y_true: images of shape `[N, height, width, channels]`.
        y_pred: images of the same shape.
        max_val: largest value that a pixel can have, above 0. Default 1.0.
        filter_size: side of the window in pixels, at least 1. Default 11.
        filter_sigma: standard deviation of the window in pixels, above 0. Default 1.5.
        k1: share of `max_val` that steadies the means, above 0. Default 0.01.
        k2: share of `max_val` that steadies the variances, above 0. Default 0.03.

    Returns:
        Two tensors of shape `[N]` in float32: the similarity, at most 1, and its second factor.

    Raises:
        ValueError: shapes that differ or do not have 4 axes; a window larger than the image; an
            argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> images = np.linspace(0, 1, 2 * 16 * 16 * 3).reshape(2, 16, 16, 3)
        >>> similarity, _ = mk.ops.structural_similarity(images, images)
        >>> similarity.numpy().tolist()
        [1.0, 1.0]

    Reference:
        Wang et al., 2004, https://doi.org/10.1109/TIP.2003.819861; the same as `tf.image.ssim`.
        Differs from it in taking each image's mean off before the squares, so that bright images
        keep their digits, and in giving both factors.
    """
    check_number("max_val", max_val, low=0.0, open_low=True)
    check_integer("filter_size", filter_size, low=1)
    for name, value in (("filter_sigma", filter_sigma), ("k1", k1), ("k2", k2)):
        check_number(name, value, low=0.0, open_low=True)
    x = ops.cast(ops.convert_to_tensor(y_true), "float32")
    y = ops.cast(ops.convert_to_tensor(y_pred), "float32")
    _check_shapes(tuple(x.shape), tuple(y.shape), filter_size)
    window = gaussian_window(filter_size, filter_sigma)
    middle = ops.mean(0.5 * (x + y), axis=(1, 2), keepdims=True)
    x, y = x - middle, y - middle
    mean_x, mean_y = _blur(x, window), _blur(y, window)
    squares = _blur(x * x + y * y, window) - mean_x**2 - mean_y**2
    product = _blur(x * y, window) - mean_x * mean_y
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    structure = (2.0 * product + c2) / (squares + c2)
    level_x, level_y = mean_x + middle, mean_y + middle
    luminance = (2.0 * level_x * level_y + c1) / (level_x**2 + level_y**2 + c1)
    return (
        ops.mean(luminance * structure, axis=(1, 2, 3)),
        ops.mean(structure, axis=(1, 2, 3)),
    )


def _check_shapes(a: tuple, b: tuple, filter_size: int) -> None:
    same = len(a) == len(b) == 4 and all(
        i == j for i, j in zip(a, b, strict=True) if i is not None and j is not None
    )
    if not same:
        raise ValueError(
            "`y_true` and `y_pred` must be images of one shape, [N, height, width, channels]. "
            f"Received: y_true.shape={a}, y_pred.shape={b}"
        )
    if any(side is not None and side < filter_size for side in a[1:3]):
        raise ValueError(
            f"`filter_size` must not be larger than the image: take a smaller window. "
            f"Received: filter_size={filter_size}, y_true.shape={a}"
        )

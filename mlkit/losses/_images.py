"""Images in one layout, and the means that structural similarity is made of."""

import math

from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.types import Tensor
from mlkit.losses._values import check_rank, predictions, targets_like

LAYOUTS = ("channels_last", "channels_first")
K1, K2 = 0.01, 0.03


def image_pair(y_true: Tensor, y_pred: Tensor, data_format: str) -> tuple[Tensor, Tensor, str]:
    """True and predicted images of shape (N, height, width, channels), and the dtype to give."""
    y_pred, dtype = predictions(y_pred)
    y_true = targets_like(y_true, y_pred)
    return channels_last(y_true, data_format), channels_last(y_pred, data_format), dtype


def channels_last(images: Tensor, data_format: str) -> Tensor:
    """Images of either layout as (N, height, width, channels)."""
    check_choice("data_format", data_format, LAYOUTS)
    check_rank("y_pred", images, 4, "images of shape (N, height, width, channels)")
    return ops.transpose(images, (0, 2, 3, 1)) if data_format == "channels_first" else images


def similarity(
    a: Tensor, b: Tensor, max_val: float, filter_size: int, filter_sigma: float
) -> tuple[Tensor, Tensor]:
    """Means over the places of structural similarity and of its contrast part, of shape (N, C)."""
    # Variances do not change with a shift, and lose their digits to a large mean: take it out.
    shift = ops.stop_gradient(ops.mean(b, axis=(1, 2), keepdims=True))
    a0, b0 = a - shift, b - shift
    window = _window(filter_size, filter_sigma)
    mean_a, mean_b = _blur(a0, window), _blur(b0, window)
    squares = _blur(a0 * a0 + b0 * b0, window) - mean_a * mean_a - mean_b * mean_b
    product = _blur(a0 * b0, window) - mean_a * mean_b
    c1, c2 = (K1 * max_val) ** 2, (K2 * max_val) ** 2
    contrast = (2.0 * product + c2) / (squares + c2)
    mean_a, mean_b = mean_a + shift, mean_b + shift
    luminance = (2.0 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return ops.mean(luminance * contrast, axis=(1, 2)), ops.mean(contrast, axis=(1, 2))


def check_window(y_pred: Tensor, filter_size: int, scales: int = 1) -> None:
    """Raise `ValueError` if the window does not fit into the smallest of the scaled images."""
    for side in y_pred.shape[1:3]:
        if side is not None and side // 2 ** (scales - 1) < filter_size:
            raise ValueError(
                f"`filter_size` must be at most the smaller side of the image, halved {scales - 1} "
                f"times. Received: filter_size={filter_size}, images of {y_pred.shape[1]} by "
                f"{y_pred.shape[2]}"
            )


def _window(size: int, sigma: float) -> list[float]:
    weights = [math.exp(-(((i - (size - 1) / 2) / sigma) ** 2) / 2) for i in range(size)]
    return [weight / sum(weights) for weight in weights]


def _blur(images: Tensor, window: list[float]) -> Tensor:
    """A separable Gaussian filter over all places where the window lies inside."""
    channels = images.shape[-1]
    kernel = ops.convert_to_tensor(window, dtype=images.dtype)
    down = ops.tile(ops.reshape(kernel, (-1, 1, 1, 1)), (1, 1, channels, 1))
    across = ops.tile(ops.reshape(kernel, (1, -1, 1, 1)), (1, 1, channels, 1))
    images = ops.depthwise_conv(images, down, padding="valid", data_format="channels_last")
    return ops.depthwise_conv(images, across, padding="valid", data_format="channels_last")

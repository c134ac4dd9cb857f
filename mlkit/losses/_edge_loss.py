"""Difference of the edges of images."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.losses._base_loss import BaseLoss
from mlkit.losses._images import LAYOUTS, image_pair
from mlkit.losses._values import per_example

_SOBEL = ((-1.0, -2.0, -1.0), (0.0, 0.0, 0.0), (1.0, 2.0, 1.0))


@register
def edge_loss(
    y_true: Tensor, y_pred: Tensor, epsilon: float = 1e-3, data_format: str = "channels_last"
) -> Tensor:
    """Difference of the edges (Sobel gradients) of images.

    The mean of `√(e² + ε²)` over places, channels and the two directions, where e is the Sobel
    gradient of the difference of the images, with reflected borders. A constant shift of an image
    costs nothing: add the loss to one of the values.

    Args:
        y_true: images of the shape of `y_pred`.
        y_pred: images of shape `(N, height, width, channels)`, with sides of at least 2.
        epsilon: ε > 0, within which the loss is quadratic. Default: 1e-3.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.

    Returns:
        Tensor of shape `(N,)` in the dtype of `y_pred`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> a = np.zeros((1, 4, 4, 1))
    >>> np.array(mk.losses.edge_loss(a, a + 5.0)).round(4).tolist()
    [0.001]

    Reference:
        Zamir et al., 2021, MPRNet, https://arxiv.org/abs/2102.02808. Differs in the filter: there
        it is a Laplacian, whose second derivatives weigh noise more.
    """
    a, b, dtype = image_pair(y_true, y_pred, data_format)
    difference = ops.pad(b - a, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    down = ops.convert_to_tensor(_SOBEL, dtype=b.dtype)
    kernel = ops.stack([down, ops.transpose(down)], axis=-1)[:, :, None, :]
    kernel = ops.tile(kernel, (1, 1, b.shape[-1], 1))
    edges = ops.depthwise_conv(difference, kernel, padding="valid", data_format="channels_last")
    values = ops.mean(ops.sqrt(edges * edges + epsilon * epsilon), axis=(1, 2, 3))
    return per_example(values, b, dtype)


@register
class EdgeLoss(BaseLoss):
    """Difference of the edges (Sobel gradients) of images.

    See `mlkit.losses.edge_loss`.

    Args:
        epsilon: edge strength within which the loss is quadratic, > 0. Default: 1e-3.
        data_format: `"channels_last"` or `"channels_first"`. Default: `"channels_last"`.
        **kwargs: as for `keras.losses.Loss`.

    Example:

    >>> import numpy as np
    >>> import mlkit as mk
    >>> a = np.zeros((1, 4, 4, 1))
    >>> round(float(mk.losses.EdgeLoss()(a, a + 5.0)), 4)
    0.001
    """

    def __init__(self, epsilon: float = 1e-3, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(**kwargs)
        check_number("epsilon", epsilon, low=0.0, open_low=True)
        check_choice("data_format", data_format, LAYOUTS)
        self.epsilon = epsilon
        self.data_format = data_format

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return edge_loss(y_true, y_pred, self.epsilon, self.data_format)

"""Bilinear interpolation, as the kernel of a transposed convolution."""

from typing import Any

import numpy as np
from keras import backend, initializers, ops

from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class BilinearUpsample(initializers.Initializer):
    """Kernel that makes a transposed convolution start as (bi)linear upsampling.

    Along each axis of size k the weights are a triangle,

        w[i] = 1 - |i - c| / f,      f = (k + 1) // 2,      c = (k - 1) / 2,

    and channel `d` feeds output `d` only. A `Conv2DTranspose` with strides s, `padding="same"` and
    `kernel_size = 2 * s - s % 2` then equals bilinear resizing by s except at the border, where the
    image is taken as surrounded by zeros. Use it for the upsampling layers of a segmentation net.

    Raises:
        ValueError: a shape that is not of a 1D, 2D or 3D transposed convolution
            `(*kernel, filters, inputs)`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.initializers.BilinearUpsample()((4, 1, 1)))[:, 0, 0].tolist()
        [0.25, 0.75, 0.75, 0.25]

    Reference:
        Long et al., 2015, Fully Convolutional Networks for Semantic Segmentation,
        https://arxiv.org/abs/1411.4038.
    """

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        if len(shape) not in (3, 4, 5):
            raise ValueError(
                "BilinearUpsample takes the kernel of a 1D, 2D or 3D transposed convolution, "
                f"(*kernel, filters, inputs). Received: shape={tuple(shape)}"
            )
        window = np.ones(())
        for size in shape[:-2]:
            distance = np.abs(np.arange(size) - (size - 1) / 2)
            window = np.multiply.outer(window, 1.0 - distance / ((size + 1) // 2))
        kernel = window[..., None, None] * np.eye(shape[-2], shape[-1])
        return ops.convert_to_tensor(kernel, dtype=dtype or backend.floatx())

    def get_config(self) -> Config:
        return {}

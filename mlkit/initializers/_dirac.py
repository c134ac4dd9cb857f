"""The identity, as the kernel of a convolution."""

from typing import Any

import numpy as np
from keras import backend, initializers, ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class Dirac(initializers.Initializer):
    """Convolution kernel that passes its input through.

    It is one at the centre and zero elsewhere: in each group, output channel `d` copies input
    channel `d` for as many channels as both have; other outputs are zero. A layer with
    `padding="same"` and stride 1 is then the identity. Use it for layers that are added to a
    trained network, or for very deep networks without shortcuts.

    Args:
        groups: number of groups of the convolution, an integer ≥ 1; default 1.

    Raises:
        ValueError: a shape that is not of a 1D, 2D or 3D convolution `(*kernel, inputs, filters)`,
            or a number of filters that is no multiple of `groups`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.initializers.Dirac()((3, 1, 1)))[:, 0, 0].tolist()
        [0.0, 1.0, 0.0]

    Reference:
        Zagoruyko and Komodakis, 2017, DiracNets, https://arxiv.org/abs/1706.00388;
        `torch.nn.init.dirac_`. Differs from the latter: an axis of even size k has its one at
        (k - 1) // 2 instead of k // 2, which is where Keras' padding puts the centre.
    """

    def __init__(self, groups: int = 1) -> None:
        check_integer("groups", groups, low=1)
        self.groups = groups

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        if len(shape) not in (3, 4, 5) or shape[-1] % self.groups:
            raise ValueError(
                "Dirac takes the kernel of a 1D, 2D or 3D convolution, (*kernel, inputs, filters) "
                f"with filters a multiple of `groups`={self.groups}. Received: shape={tuple(shape)}"
            )
        kernel = np.zeros(shape)
        centre = tuple((size - 1) // 2 for size in shape[:-2])
        filters = shape[-1] // self.groups
        for group in range(self.groups):
            for d in range(min(filters, shape[-2])):
                kernel[(*centre, d, group * filters + d)] = 1.0
        return ops.convert_to_tensor(kernel, dtype=dtype or backend.floatx())

    def get_config(self) -> Config:
        return {"groups": self.groups}

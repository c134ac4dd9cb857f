"""Initialization for a convolution whose output is shuffled into pixels."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class ICNR(initializers.Initializer):
    """Kernel of a sub-pixel convolution that starts as nearest-neighbour upsampling.

    A convolution with `factor**2 * channels` filters followed by `mlkit.layers.PixelShuffle` draws
    a checkerboard as long as the filters that share an output channel differ. Here they start
    equal: one kernel is drawn for each output channel and repeated `factor**2` times, so that every
    pixel of a block has the same value at first.

    Args:
        factor: upsampling factor of the shuffle that follows, an integer ≥ 1.
        initializer: what each kernel is drawn with, as for a Keras layer's `kernel_initializer`;
            default `"he_normal"`.
        order: how the shuffle reads its channels: `"CRD"` (PyTorch, `mlkit.layers.PixelShuffle`;
            default) or `"DCR"` (TensorFlow's `depth_to_space`).

    Raises:
        ValueError: the number of filters is no multiple of `factor**2`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> kernel = np.asarray(mk.initializers.ICNR(2)((3, 3, 1, 8)))
        >>> bool((kernel[..., 0:1] == kernel[..., 0:4]).all())
        True

    Reference:
        Aitken et al., 2017, Checkerboard artifact free sub-pixel convolution,
        https://arxiv.org/abs/1707.02937.
    """

    def __init__(self, factor: int, initializer: Any = "he_normal", order: str = "CRD") -> None:
        check_integer("factor", factor, low=1)
        check_choice("order", order, ["CRD", "DCR"])
        self.factor = factor
        self.initializer = initializers.get(initializer)
        self.order = order

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        copies = self.factor**2
        if not shape or shape[-1] % copies:
            raise ValueError(
                f"ICNR needs the last axis of the kernel to be a multiple of `factor`² = {copies}. "
                f"Received: shape={tuple(shape)}"
            )
        kernel = self.initializer((*shape[:-1], shape[-1] // copies), dtype=dtype)
        if self.order == "CRD":
            return ops.repeat(kernel, copies, axis=-1)
        return ops.concatenate([kernel] * copies, axis=-1)

    def get_config(self) -> Config:
        return {
            "factor": self.factor,
            "initializer": keras.saving.serialize_keras_object(self.initializer),
            "order": self.order,
        }

    @classmethod
    def from_config(cls, config: Config) -> "ICNR":
        config = dict(config)
        config["initializer"] = keras.saving.deserialize_keras_object(config["initializer"])
        return cls(**config)

"""Images as sequences of patches."""

from typing import Any

import keras
from keras import initializers, ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.images import check_divisible, image_format, pair, shape_to_last, to_last
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class PatchEmbedding(keras.layers.Layer):
    """Cuts images into patches and maps each to a vector.

        y[b, n] = sum over the pixels (p, q) and channels c of patch n of x * kernel[p, q, c] + bias

    Patches do not overlap and are numbered row by row. This is the first layer of a vision
    transformer; it equals a convolution with strides of the kernel's size.

    Args:
        patch_size: rows and columns of a patch, an integer or two of them.
        embed_dim: size of the vectors, an integer ≥ 1.
        flatten: whether the patches become one axis; default True.
        use_bias: whether there is a bias; default True.
        kernel_initializer: of the kernel `(rows, columns, channels, embed_dim)`; default
            `"glorot_uniform"`.
        bias_initializer: of the bias; default `"zeros"`.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
            The outputs have their vectors in the last axis in any case.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: images, whose height and width are multiples of the patch's.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        `(batch, patches, embed_dim)`, or `(batch, rows, columns, embed_dim)` with
        `flatten=False`.

    Raises:
        ValueError: the inputs have not four axes, the number of channels is unknown, or height or
            width are no multiple of the patch's.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.layers.PatchEmbedding(16, 192)(np.zeros((2, 224, 224, 3), "float32")).shape
        TensorShape([2, 196, 192])

    Reference:
        Dosovitskiy et al., 2021, An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929.
        Differs from a convolution: sizes that do not divide are refused, not cut off.
    """

    def __init__(
        self,
        patch_size: Any,
        embed_dim: int,
        flatten: bool = True,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._patch = pair("patch_size", patch_size)
        check_integer("embed_dim", embed_dim, low=1)
        check_bool("flatten", flatten)
        check_bool("use_bias", use_bias)
        self._format = image_format(data_format)
        self.patch_size = patch_size
        self.embed_dim = embed_dim
        self.flatten = flatten
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        last = self._format == "channels_last"
        for axis, size in zip((1, 2) if last else (2, 3), self._patch, strict=True):
            check_divisible(self, input_shape, axis, size, "`patch_size`")
        channels = known_size(self, input_shape, 3 if last else 1)
        self.kernel = self.add_weight(
            shape=(*self._patch, channels, self.embed_dim),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.embed_dim,), initializer=self.bias_initializer, name="bias"
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self._format)
        batch, height, width, channels = ops.shape(x)
        p, q = self._patch
        rows, columns = height // p, width // q
        # A size that does not divide, known at run time only, fails here instead of being cut off.
        x = ops.reshape(x, (batch, rows, p, columns, q, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (b, rows, columns, p, q, c)
        x = ops.reshape(x, (batch, rows * columns, p * q * channels))
        x = ops.matmul(x, ops.reshape(self.kernel, (p * q * channels, self.embed_dim)))
        x = x + self.bias if self.use_bias else x
        return x if self.flatten else ops.reshape(x, (batch, rows, columns, self.embed_dim))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = shape_to_last(input_shape, self._format)
        rows = None if height is None else height // self._patch[0]
        columns = None if width is None else width // self._patch[1]
        if not self.flatten:
            return (batch, rows, columns, self.embed_dim)
        patches = None if rows is None or columns is None else rows * columns
        return (batch, patches, self.embed_dim)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "patch_size": self.patch_size,
            "embed_dim": self.embed_dim,
            "flatten": self.flatten,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "data_format": self.data_format,
        }

"""Convolutions that look at several scales at once."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.images import from_last, image_format, shape_from_last, shape_to_last, to_last
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class ASPP(keras.layers.Layer):
    """Atrous spatial pyramid pooling: dilated convolutions side by side.

    Branches, each with `filters` channels, batch normalization and ReLU:

    * a 1x1 convolution;
    * a 3x3 convolution for each of `rates`, dilated by it;
    * the mean over the image, a 1x1 convolution, and the result at every pixel.

    They are concatenated and projected by a 1x1 convolution to `filters`, with batch normalization,
    ReLU and dropout. This is the neck of DeepLab: every pixel sees its surroundings at several
    scales. Convolutions in front of a normalization have no bias.

    Args:
        rates: dilation rates, a sequence of integers ≥ 1; default (12, 24, 36), for features of an
            eighth of the image's size; (6, 12, 18) is for a sixteenth.
        filters: channels of each branch and of the output, an integer ≥ 1; default 256.
        dropout: rate of the dropout, in [0, 1); default 0.5.
        normalize_pooling: whether the branch of the mean is normalized. Its statistics are over the
            samples of the batch alone: with one image a replica they are useless, and False puts a
            bias in place of the normalization. Default True.
        momentum: of the moving averages, in [0, 1); default 0.9.
        epsilon: added to the variances, a number > 0; default 1e-5.
        seed: integer for dropout that repeats, or None. Default None.
        data_format: `"channels_last"`, `"channels_first"` or None (default): Keras' own setting.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: feature maps; height and width may be unknown.
        training: whether statistics are of the batch, and whether to drop. Default False.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.

    Output shape:
        `(batch, height, width, filters)`, or `(batch, filters, height, width)`.

    Raises:
        ValueError: the inputs have not four axes, or the number of channels is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.layers.ASPP((2, 4), filters=16)(np.ones((2, 12, 12, 8), "float32")).shape
        TensorShape([2, 12, 12, 16])

    Reference:
        Chen et al., 2017, Rethinking Atrous Convolution for Semantic Image Segmentation,
        https://arxiv.org/abs/1706.05587. Layers and their order as in torchvision's `ASPP`.
    """

    def __init__(
        self,
        rates: Sequence[int] = (12, 24, 36),
        filters: int = 256,
        dropout: float = 0.5,
        normalize_pooling: bool = True,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for rate in rates:
            check_integer("rates", rate, low=1)
        check_integer("filters", filters, low=1)
        check_number("dropout", dropout, low=0, high=1, open_high=True)
        check_bool("normalize_pooling", normalize_pooling)
        check_number("momentum", momentum, low=0, high=1, open_high=True)
        check_number("epsilon", epsilon, low=0, open_low=True)
        self._format = image_format(data_format)
        self.rates = rates
        self.filters = filters
        self.dropout = dropout
        self.normalize_pooling = normalize_pooling
        self.momentum = momentum
        self.epsilon = epsilon
        self.seed = seed
        self.data_format = data_format

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 4)
        known_size(self, input_shape, 3 if self._format == "channels_last" else 1)
        shape = shape_to_last(input_shape, self._format)
        widths = [1, *self.rates]
        self.convolutions = [
            self._convolution(f"branch_{i}", 3 if i else 1, rate) for i, rate in enumerate(widths)
        ]
        self.normalizations = [self._normalization(f"norm_{i}") for i in range(len(widths))]
        self.pooling = self._convolution("pooling", 1, 1, use_bias=not self.normalize_pooling)
        self.pooling_norm = self._normalization("pooling_norm") if self.normalize_pooling else None
        self.projection = self._convolution("projection", 1, 1)
        self.projection_norm = self._normalization("projection_norm")
        self.drop = layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        for layer in [*self.convolutions, self.pooling]:
            layer.build(shape)
        joined = (*shape[:3], self.filters * (len(widths) + 1))
        self.projection.build(joined)
        norms = [*self.normalizations, self.pooling_norm, self.projection_norm]
        for norm in [norm for norm in norms if norm is not None]:
            norm.build((*shape[:3], self.filters))
        self.drop.build((*shape[:3], self.filters))
        self.built = True

    def _convolution(self, name: str, size: int, rate: int, use_bias: bool = False) -> Any:
        return layers.Conv2D(
            self.filters,
            size,
            dilation_rate=rate,
            padding="same",
            use_bias=use_bias,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )

    def _normalization(self, name: str) -> Any:
        return layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = to_last(inputs, self._format)
        branches = [
            ops.relu(norm(convolution(x), training=training))
            for convolution, norm in zip(self.convolutions, self.normalizations, strict=True)
        ]
        mean = ops.mean(wide(x), axis=(1, 2), keepdims=True)  # the sum overflows float16
        pooled = self.pooling(ops.cast(mean, x.dtype))
        if self.pooling_norm is not None:
            pooled = self.pooling_norm(pooled, training=training)
        branches.append(ops.broadcast_to(ops.relu(pooled), ops.shape(branches[0])))
        x = self.projection(ops.concatenate(branches, axis=-1))
        x = ops.relu(self.projection_norm(x, training=training))
        return from_last(self.drop(x, training=training), self._format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = shape_to_last(input_shape, self._format)
        return shape_from_last((batch, height, width, self.filters), self._format)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "rates": self.rates,
            "filters": self.filters,
            "dropout": self.dropout,
            "normalize_pooling": self.normalize_pooling,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "seed": self.seed,
            "data_format": self.data_format,
        }

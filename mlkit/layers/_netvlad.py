"""Sets of features as residuals to learned centres."""

import math
from typing import Any

import keras
from keras import initializers, ops, regularizers

from mlkit._core.checks import check_integer
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class NetVLAD(keras.layers.Layer):
    """Pools any number of features into one vector of residuals to learned centres.

        a[t, k] = softmax over k of (x_t @ W + b)
        v[:, k] = sum over t of a[t, k] * (x_t - c_k)

    Each v[:, k] is brought to length 1, then the whole vector is. Images of one place, or frames of
    one video, so give one comparable vector whatever their number.

    With a mask, padded steps take no part; the mask ends here. Computed in float32.

    Args:
        num_clusters: number of centres, an integer ≥ 1.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: sequences of features.
        mask: boolean, `(batch, time)`, True at the steps that count.

    Input shape:
        `(batch, time, features)`.

    Output shape:
        `(batch, features * num_clusters)`, the clusters last.

    Raises:
        ValueError: the inputs have not three axes, or the number of features is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.NetVLAD(4)(np.ones((2, 9, 3), "float32"))
        >>> y.shape, round(float(np.linalg.norm(y[0])), 4)
        (TensorShape([2, 12]), 1.0)

    Reference:
        Arandjelović et al., 2016, NetVLAD: CNN architecture for weakly supervised place
        recognition, https://arxiv.org/abs/1511.07247. As in TensorFlow Addons, W has an l2 penalty
        of 1e-5. Differs from it: masks are obeyed.
    """

    def __init__(self, num_clusters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("num_clusters", num_clusters, low=1)
        self.num_clusters = num_clusters
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3)
        features = known_size(self, input_shape, -1)
        self.kernel = self.add_weight(
            shape=(features, self.num_clusters),
            initializer="glorot_uniform",
            regularizer=regularizers.L2(1e-5),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.num_clusters,), initializer="zeros", name="bias")
        self.centers = self.add_weight(
            shape=(features, self.num_clusters),
            initializer=initializers.TruncatedNormal(stddev=1 / math.sqrt(features)),
            name="cluster_centers",
        )
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x = wide(inputs)
        if mask is not None:
            x = ops.where(mask[:, :, None], x, ops.zeros_like(x))
        shares = ops.softmax(ops.matmul(x, wide(self.kernel)) + wide(self.bias), axis=-1)
        if mask is not None:
            shares = shares * ops.cast(mask, shares.dtype)[:, :, None]
        total = ops.sum(shares, axis=1)[:, None, :]
        v = ops.matmul(ops.swapaxes(x, 1, 2), shares) - total * wide(self.centers)
        v = _unit(_unit(v, (1,)), (1, 2))
        flat = ops.reshape(v, (-1, inputs.shape[-1] * self.num_clusters))
        return ops.cast(flat, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1] * self.num_clusters)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_clusters": self.num_clusters}


def _unit(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    square = ops.sum(ops.square(x), axis=axes, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, 1e-12))

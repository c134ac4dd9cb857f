"""The largest of several linear pieces."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.images import check_divisible
from mlkit._core.registry import register
from mlkit._core.shapes import known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class Maxout(keras.layers.Layer):
    """The largest of each group of features.

        y[j] = max over i of x[i * num_units + j],        i = 0 ... features / num_units - 1

    After a linear layer with k * num_units outputs this is a learned convex activation with k
    pieces.

    A mask of time steps passes, unless `axis` is the axis of time.

    Args:
        num_units: features that remain, an integer ≥ 1 which divides the number of features.
        axis: the axis of the features, an integer other than 0; default -1.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of any rank ≥ 2.

    Input shape:
        `(batch, ..., features, ...)`.

    Output shape:
        `(batch, ..., num_units, ...)`.

    Raises:
        ValueError: the number of features is unknown or no multiple of `num_units`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.layers.Maxout(2)(np.array([[1.0, 5.0, 3.0, 4.0]]))).tolist()
        [[3.0, 5.0]]

    Reference:
        Goodfellow et al., 2013, Maxout Networks, https://arxiv.org/abs/1302.4389.
    """

    def __init__(self, num_units: int, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_integer("num_units", num_units, low=1)
        check_integer("axis", axis)
        self.num_units = num_units
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        known_size(self, input_shape, self.axis)
        check_divisible(self, input_shape, self.axis, self.num_units, "`num_units`")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        axis = self.axis % rank
        shape = list(ops.shape(inputs))
        shape[axis : axis + 1] = [inputs.shape[axis] // self.num_units, self.num_units]
        return ops.max(ops.reshape(inputs, shape), axis=axis)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Tensor | None:
        return None if self.axis % len(inputs.shape) == 1 else previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        shape[self.axis] = self.num_units
        return tuple(shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_units": self.num_units, "axis": self.axis}

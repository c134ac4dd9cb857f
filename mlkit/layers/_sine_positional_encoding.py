"""SinePositionalEncoding: positions as sines and cosines, added to the inputs."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor


@register
class SinePositionalEncoding(keras.layers.Layer):
    """Sines and cosines of the position, added to the inputs.

    `y[t, 2i] = x[t, 2i] + sin(t * w)`, `y[t, 2i + 1] = x[t, 2i + 1] + cos(t * w)` with
    `w = max_wavelength ** (-2i / features)`. It tells a transformer where each element stands,
    without weights and for any length. An odd last feature is a sine.

    Angles are computed in float32 or better. Masks pass unchanged.

    Args:
        max_wavelength: base of the wavelengths, in positions, > 1: they run from 2 pi to
            `2 pi * max_wavelength`. Default 10000.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: embedded sequences.
        start_index: position of the first element, an integer or a scalar tensor. Default 0.

    Input shape:
        `(batch, time, features)`; any axes may stand between batch and time.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: `max_wavelength` is not above 1; at build, fewer than three axes or an unknown
            number of features.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.SinePositionalEncoding()(np.zeros((1, 2, 4), "float32"))
        >>> np.round(y[0], 2)
        array([[0.  , 1.  , 0.  , 1.  ],
               [0.84, 0.54, 0.01, 1.  ]], dtype=float32)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", https://arxiv.org/abs/1706.03762.
        Differs from KerasHub's `SinePositionEncoding` in that the inputs are added.
    """

    def __init__(self, max_wavelength: float = 10000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_number("max_wavelength", max_wavelength, low=1, open_low=True)
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_rank(self, input_shape, 3, 99)
        features = known_size(self, input_shape, -1, "inputs")
        feature = np.arange(features)
        self._frequencies = float(self.max_wavelength) ** (-2 * (feature // 2) / features)
        self._odd = feature % 2 == 1
        self.input_spec = keras.InputSpec(min_ndim=3, axes={-1: features})
        self.built = True

    def call(self, inputs: Tensor, start_index: Any = 0) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        time = ops.arange(ops.shape(inputs)[-2], dtype="int32") + ops.cast(start_index, "int32")
        angles = ops.cast(time, dtype)[:, None] * ops.convert_to_tensor(self._frequencies, dtype)
        encoding = ops.where(self._odd, ops.cos(angles), ops.sin(angles))
        return ops.cast(ops.cast(inputs, dtype) + encoding, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "max_wavelength": self.max_wavelength}

"""RotaryEmbedding: positions as rotations of queries and keys."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import check_rank, known_size
from mlkit._core.types import Config, Shape, Tensor

# For each scaling its keys; those without a value here must be given.
_SCALINGS: dict[str, dict[str, float | None]] = {
    "linear": {"factor": None},
    "ntk": {"factor": None},
    "llama3": {
        "factor": None,
        "original_max_position_embeddings": None,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
    },
    "yarn": {
        "factor": None,
        "original_max_position_embeddings": None,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "attention_factor": math.nan,  # 0.1 ln(factor) + 1
    },
}


@register
class RotaryEmbedding(keras.layers.Layer):
    """Rotation of pairs of features by an angle proportional to the position.

    Pair i of the d features at position t is turned by `t * max_wavelength ** (-2 i / d)`. Applied
    to queries and keys, their product depends on the distance of two positions alone. Put it on
    both after the projection to heads.

    Angles, sines and cosines are computed in float32 or better. Masks pass unchanged.

    Args:
        max_wavelength: base of the wavelengths, in positions, > 1: the slowest pair turns once in
            about `2 pi * max_wavelength` positions. Default 10000.
        layout: `"half"` pairs feature i with feature i + d/2 (GPT-NeoX, Llama in Hugging Face's
            layout, KerasHub), `"interleaved"` feature 2i with 2i + 1 (the paper, GPT-J, Meta's
            Llama). Weights trained with one do not work with the other. Default `"half"`.
        scaling: for contexts longer than in training, a mapping with Hugging Face's keys, or None.
            `rope_type` is `"linear"` (positions divided by `factor`), `"ntk"` (the base times
            `factor ** (d / (d - 2))`), `"llama3"` (`factor`, `original_max_position_embeddings`,
            `low_freq_factor` 1, `high_freq_factor` 4) or `"yarn"` (`factor`,
            `original_max_position_embeddings`, `beta_fast` 32, `beta_slow` 1, `attention_factor`
            0.1 ln(factor) + 1, which multiplies the result). Default None.
        sequence_axis: axis of the positions. Default 1.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: queries or keys, features last.
        start_index: position of the first element, an integer or a scalar tensor: with a cache,
            the number of positions in it. Default 0.
        positions: positions of the elements, `(time,)` or `(batch, time)`, in place of
            `start_index`. Default None.

    Input shape:
        `(batch, time, ..., features)`, features even.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: an argument out of its range, an unknown scaling or key of it; at build,
            an odd or unknown number of features.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.ones((1, 2, 3, 4), "float32")  # (batch, time, heads, features)
        >>> y = np.asarray(mk.layers.RotaryEmbedding()(x))
        >>> np.round(y[0, :, 0], 2)
        array([[ 1.  ,  1.  ,  1.  ,  1.  ],
               [-0.3 ,  0.99,  1.38,  1.01]], dtype=float32)

    Reference:
        Su et al., 2021, "RoFormer", https://arxiv.org/abs/2104.09864; YaRN and NTK: Peng et al.,
        2023, https://arxiv.org/abs/2309.00071. Differs from Hugging Face's "dynamic" scaling in
        that `"ntk"` does not depend on the length of the batch.
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        layout: str = "half",
        scaling: Mapping[str, Any] | None = None,
        sequence_axis: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("max_wavelength", max_wavelength, low=1, open_low=True)
        check_choice("layout", layout, ("half", "interleaved"))
        check_integer("sequence_axis", sequence_axis)
        self.max_wavelength = max_wavelength
        self.layout = layout
        self.scaling = None if scaling is None else dict(scaling)
        self.sequence_axis = sequence_axis
        self.supports_masking = True
        self._scaling = _checked(self.scaling)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        check_rank(self, input_shape, 3, 99)
        features = known_size(self, input_shape, -1, "inputs")
        axis = self.sequence_axis % rank
        if not -rank <= self.sequence_axis < rank or axis in (0, rank - 1):
            raise ValueError(
                f"RotaryEmbedding {self.name!r}: `sequence_axis` must be an axis between the batch "
                f"and the features. Received: sequence_axis={self.sequence_axis}, "
                f"input_shape={tuple(input_shape)}"
            )
        if features % 2:
            raise ValueError(
                f"RotaryEmbedding {self.name!r} turns pairs of features: their number must be "
                f"even. Received: input_shape={tuple(input_shape)}"
            )
        self._axis = axis
        self._frequencies, self._factor = rotary_frequencies(
            features, self.max_wavelength, self._scaling
        )
        self.input_spec = keras.InputSpec(ndim=rank, axes={-1: features})
        self.built = True

    def call(self, inputs: Tensor, start_index: Any = 0, positions: Tensor | None = None) -> Tensor:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        cos, sin = self._cos_sin(inputs, start_index, positions, dtype)
        x = ops.cast(inputs, dtype)
        if self.layout == "half":
            first, second = ops.split(x, 2, axis=-1)
            turned = [first * cos - second * sin, second * cos + first * sin]
            y = ops.concatenate(turned, axis=-1)
        else:
            first, second = x[..., 0::2], x[..., 1::2]
            turned = [first * cos - second * sin, second * cos + first * sin]
            y = ops.reshape(ops.stack(turned, axis=-1), ops.shape(x))
        return ops.cast(y, self.compute_dtype)

    def _cos_sin(
        self, inputs: Tensor, start_index: Any, positions: Tensor | None, dtype: str
    ) -> tuple[Tensor, Tensor]:
        """Cosines and sines of `(1 or batch, time, 1..., pairs)`, positions on their axis."""
        if positions is None:
            time = ops.shape(inputs)[self._axis]
            positions = ops.arange(time, dtype="int32") + ops.cast(start_index, "int32")
        positions = ops.cast(positions, dtype)
        if len(positions.shape) == 1:
            positions = positions[None]
        angles = positions[..., None] * ops.convert_to_tensor(self._frequencies, dtype)
        shape = [1] * len(inputs.shape)
        shape[0], shape[self._axis], shape[-1] = *ops.shape(positions), len(self._frequencies)
        angles = ops.reshape(angles, shape)
        return ops.cos(angles) * self._factor, ops.sin(angles) * self._factor

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "max_wavelength": self.max_wavelength,
            "layout": self.layout,
            "scaling": self.scaling,
            "sequence_axis": self.sequence_axis,
        }


def rotary_frequencies(
    features: int, base: float, scaling: Mapping[str, Any]
) -> tuple[np.ndarray, float]:
    """Radians a position for each pair, in float64, and the factor for sines and cosines."""
    steps = np.arange(0, features, 2) / features
    plain = base**-steps
    kind = scaling["rope_type"]
    if kind == "default":
        return plain, 1.0
    factor = scaling["factor"]
    if kind == "linear":
        return plain / factor, 1.0
    if kind == "ntk":
        return (base * factor ** (features / max(features - 2, 1))) ** -steps, 1.0
    length = scaling["original_max_position_embeddings"]
    if kind == "llama3":
        turns = length * plain / (2 * math.pi)  # within the context of the training
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        # 1 keeps a fast pair, 0 slows a slow one down by the factor.
        keep = np.clip((turns - low) / (high - low), 0, 1)
        return plain * (keep + (1 - keep) / factor), 1.0

    def pair(turns: float) -> float:
        """Index of the pair that turns so often within the context of the training."""
        return features * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low = max(math.floor(pair(scaling["beta_fast"])), 0)
    high = min(math.ceil(pair(scaling["beta_slow"])), features - 1)
    ramp = np.clip((np.arange(features // 2) - low) / max(high - low, 0.001), 0, 1)
    given = scaling["attention_factor"]
    attention = 0.1 * math.log(factor) + 1 if math.isnan(given) else given
    return plain * (1 - ramp + ramp / factor), attention


def _checked(scaling: Mapping[str, Any] | None) -> dict[str, Any]:
    """The scaling with its defaults, or an error that names what is wrong."""
    if scaling is None:
        return {"rope_type": "default"}
    kind = scaling.get("rope_type")
    check_choice("scaling['rope_type']", kind, _SCALINGS)
    known = _SCALINGS[str(kind)]
    unknown = sorted(set(scaling) - set(known) - {"rope_type"})
    missing = [k for k, default in known.items() if default is None and k not in scaling]
    if unknown or missing:
        raise ValueError(
            f"`scaling` of the type {kind!r} has the keys {', '.join(known)}. "
            f"Unknown: {unknown}; missing: {missing}. Received: scaling={dict(scaling)!r}"
        )
    for key in set(scaling) - {"rope_type"}:
        check_number(f"scaling[{key!r}]", scaling[key], low=0, open_low=True)
    check_number("scaling['factor']", scaling["factor"], low=1)
    return {**known, **scaling}

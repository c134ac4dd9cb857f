"""Tensors brought to float32 or better."""

from typing import Any

import keras
from keras import ops

from mlkit._core.types import Tensor


def at_least_float32(*tensors: Any) -> list[Tensor]:
    """The tensors in one dtype of at least float32: sums and products of 1e4 pass float16."""
    tensors = tuple(ops.convert_to_tensor(t) for t in tensors)
    dtype = keras.backend.result_type("float32", *(t.dtype for t in tensors))
    return [ops.cast(t, dtype) for t in tensors]

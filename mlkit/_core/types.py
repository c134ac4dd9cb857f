"""Names for what has no type of its own in Keras and TensorFlow, for signatures to read well."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # an eager, symbolic or Keras tensor, or what keras.ops takes as one
Variable: TypeAlias = Any  # a keras.Variable
Shape: TypeAlias = Sequence[int | None]  # None where the size is not known
DType: TypeAlias = str
Logs: TypeAlias = Mapping[str, Any]  # names of metrics to values
Config: TypeAlias = dict[str, Any]  # what get_config returns

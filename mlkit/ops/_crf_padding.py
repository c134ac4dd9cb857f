"""What a CRF layer and its loss agree on: which layer it is, and which steps are padding."""

from typing import Any
from weakref import WeakValueDictionary

from keras import ops

from mlkit._core.types import Tensor

# What stands for the potentials of padded steps, so that a loss can tell them without a mask: the
# lowest float16, since the outputs may be of that type.
PADDING = -65504.0


def valid_first(x: Tensor, valid: Tensor) -> Tensor:
    """The valid steps of each sequence in their order, then the others."""
    order = ops.argsort(ops.cast(ops.logical_not(valid), "int32"), axis=1)  # stable
    index = ops.reshape(order, (*ops.shape(order), *(1,) * (len(x.shape) - 2)))
    return ops.take_along_axis(x, index, axis=1)


def is_valid(potentials: Tensor) -> Tensor:
    """Booleans `(batch, time)`: False where a CRF layer has marked a step as padding."""
    return ops.any(potentials > PADDING + 100, axis=-1)


# Keras loads the layers of a model before its loss, but has no way to say in the loss's saved
# configuration "that layer": the newest of its name is the one of the model being loaded.
_newest: WeakValueDictionary[str, Any] = WeakValueDictionary()


def remember(layer: Any) -> None:
    """Make the layer the newest of its name, for as long as it lives."""
    _newest[layer.name] = layer


def newest(name: str) -> Any:
    """The layer that was made last under that name, or None."""
    return _newest.get(name)

"""Checks of input shapes at build: each names the layer and the shape received."""

from collections.abc import Sequence
from typing import Any

from mlkit._core.types import Shape


def check_rank(layer: Any, shape: Shape, low: int, high: int | None = None) -> None:
    """Raise `ValueError` unless `shape` has `low` axes, or between `low` and `high` of them."""
    high = low if high is None else high
    if low <= len(shape) <= high:
        return
    expected = f"{low}" if low == high else f"{low} to {high}"
    raise ValueError(
        f"{_named(layer)} expects inputs with {expected} axes, the batch included. "
        f"Received: input_shape={tuple(shape)}"
    )


def known_size(layer: Any, shape: Shape, axis: int, argument: str = "axis") -> int:
    """The size of one axis, or a `ValueError` if there is no such axis or its size is unknown.

    Args:
        layer: the layer that is being built, for the message.
        shape: input shape, batch first.
        axis: which axis; negative counts from the end. The batch axis is refused.
        argument: name of the layer's argument that chose the axis.
    """
    if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
        raise ValueError(
            f"{_named(layer)}: `{argument}` must name an axis of the inputs other than the batch. "
            f"Received: {argument}={axis}, input_shape={tuple(shape)}"
        )
    size = shape[axis]
    if size is None:
        raise ValueError(
            f"{_named(layer)} has weights along axis {axis}, whose size must be known. "
            f"Received: input_shape={tuple(shape)}"
        )
    return size


def check_shapes(layer: Any, shapes: Any, count: int) -> Sequence[Shape]:
    """`shapes` as a list of `count` shapes, or a `ValueError` if the inputs are not such a list."""
    nested = isinstance(shapes, (list, tuple)) and all(
        isinstance(shape, (list, tuple)) for shape in shapes
    )
    if not nested or len(shapes) != count:
        raise ValueError(
            f"{_named(layer)} is called on a list of {count} tensors. "
            f"Received: input_shape={shapes}"
        )
    return shapes


def _named(layer: Any) -> str:
    return f"{type(layer).__name__} {layer.name!r}"

"""Arguments and shapes of layers on images: pairs, channel order, sizes that divide."""

from collections.abc import Sequence
from typing import Any

import keras

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.types import Shape, Tensor


def pair(name: str, value: Any, *, low: int = 1) -> tuple[int, int]:
    """`value` as (rows, columns): an integer stands for both.

    Raises:
        TypeError: neither an integer nor two of them.
        ValueError: not two of them, or one is below `low`.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(
                f"`{name}` must be an integer or two of them. Received: {name}={value!r}"
            )
        for entry in value:
            check_integer(name, entry, low=low)
        return int(value[0]), int(value[1])
    check_integer(name, value, low=low)
    return int(value), int(value)


def image_format(data_format: str | None) -> str:
    """`data_format`, or Keras' own setting if it is None.

    Raises:
        ValueError: not one of None, "channels_last", "channels_first".
    """
    check_choice("data_format", data_format, [None, "channels_last", "channels_first"])
    return data_format or keras.config.image_data_format()


def check_divisible(layer: Any, shape: Shape, axis: int, factor: int, what: str) -> None:
    """Raise `ValueError` unless the size of `axis`, where known, is a multiple of `factor`."""
    size = shape[axis]
    if size is not None and size % factor:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} expects the size of axis {axis} to be a "
            f"multiple of {what} = {factor}. Received: input_shape={tuple(shape)}"
        )


def to_last(x: Tensor, data_format: str) -> Tensor:
    """Images with their channels in the last axis, whatever axis they came in."""
    return x if data_format == "channels_last" else keras.ops.transpose(x, (0, 2, 3, 1))


def from_last(x: Tensor, data_format: str) -> Tensor:
    """The way back."""
    return x if data_format == "channels_last" else keras.ops.transpose(x, (0, 3, 1, 2))


def shape_to_last(shape: Shape, data_format: str) -> tuple[int | None, ...]:
    """The shape that `to_last` gives."""
    batch, a, b, c = shape
    return (batch, a, b, c) if data_format == "channels_last" else (batch, b, c, a)


def shape_from_last(shape: Shape, data_format: str) -> tuple[int | None, ...]:
    """The shape that `from_last` gives."""
    batch, a, b, c = shape
    return (batch, a, b, c) if data_format == "channels_last" else (batch, c, a, b)

"""Arithmetic in at least float32, whatever precision the model has."""

from typing import Any

from keras import ops


def wide(x: Any) -> Any:
    """`x` as a tensor of float64 if it is one, else of float32.

    Sums, squares and logarithms overflow or lose their digits in half precision.
    """
    x = ops.convert_to_tensor(x)
    return x if x.dtype == "float64" else ops.cast(x, "float32")

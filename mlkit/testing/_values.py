"""Comparing structures of tensors, and saying in what they differ."""

from typing import Any

import keras
import numpy as np

from mlkit.testing._compare import apart, array

tree = keras.tree


def leaves(data: Any) -> list[np.ndarray]:
    """All tensors in a structure as arrays, low-precision floats as float32."""
    return [array(leaf) for leaf in tree.flatten(data)]


def difference(got: Any, want: Any, tolerance: float) -> str | None:
    """In what two structures differ, in words; None if nowhere by more than the tolerance."""
    first, second = leaves(got), leaves(want)
    if len(first) != len(second):
        return f"{len(first)} arrays, where {len(second)} were due"
    for i, (x, y) in enumerate(zip(first, second, strict=True)):
        told = apart(x, y, tolerance)
        if told:
            return f"output {i}: {told}" if len(first) > 1 else told
    return None


def not_finite(data: Any) -> int:
    """The number of entries that are NaN or infinite."""
    arrays = [a for a in leaves(data) if a.dtype.kind == "f"]
    return int(sum(np.sum(~np.isfinite(a)) for a in arrays))

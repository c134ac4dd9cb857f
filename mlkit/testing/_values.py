"""Comparing structures of arrays, and saying in what they differ."""

from typing import Any

import keras
import numpy as np

tree = keras.tree


def leaves(data: Any) -> list[np.ndarray]:
    """All arrays in a structure of tensors, floats as float32 or wider."""
    return [_array(leaf) for leaf in tree.flatten(data)]


def _array(leaf: Any) -> np.ndarray:
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    if dtype in ("float16", "bfloat16"):
        leaf = keras.ops.cast(leaf, "float32")
    return np.asarray(keras.ops.convert_to_numpy(leaf))


def difference(a: Any, b: Any, tolerance: float) -> str | None:
    """In what two structures differ, in words; None if nowhere by more than the tolerance.

    The tolerance is relative to the largest entry of `b`'s array, or to 1 if that is less.
    """
    first, second = leaves(a), leaves(b)
    if len(first) != len(second):
        return f"{len(first)} arrays and {len(second)}"
    for i, (x, y) in enumerate(zip(first, second, strict=True)):
        which = f"output {i}: " if len(first) > 1 else ""
        if x.shape != y.shape:
            return f"{which}shapes {x.shape} and {y.shape}"
        told = _largest(x, y, tolerance)
        if told:
            return which + told
    return None


def _largest(x: np.ndarray, y: np.ndarray, tolerance: float) -> str | None:
    if x.size == 0 or np.array_equal(x, y):
        return None
    x, y = x.astype(np.float64), y.astype(np.float64)
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return f"{np.sum(~np.isfinite(x))} and {np.sum(~np.isfinite(y))} entries are not finite"
    finite = np.isfinite(y)
    gap = np.where(finite, np.abs(np.where(finite, x, 0) - np.where(finite, y, 0)), 0)
    scale = max(1.0, float(np.max(np.abs(y[finite]), initial=0.0)))
    if np.max(gap) <= tolerance * scale:
        return None
    at = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    return f"{x[at]:.6g} and {y[at]:.6g} at {list(at)}"


def not_finite(data: Any) -> int:
    """The number of entries that are NaN or infinite."""
    arrays = [a for a in leaves(data) if a.dtype.kind == "f"]
    return int(sum(np.sum(~np.isfinite(a)) for a in arrays))

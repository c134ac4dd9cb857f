"""Comparing numbers: how far two results are apart, said so that the reader sees where."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._report import CheckFailed


def array(value: Any) -> np.ndarray:
    """A tensor, variable or number as a NumPy array; low-precision floats as float32."""
    if keras.backend.standardize_dtype(getattr(value, "dtype", "float32")) == "bfloat16":
        value = keras.ops.cast(value, "float32")
    found = np.asarray(keras.ops.convert_to_numpy(value))
    return found.astype(np.float32) if found.dtype == np.float16 else found


def apart(got: Any, want: Any, tolerance: float) -> str | None:
    """What differs between two arrays, or None if they agree.

    The difference is relative to the larger of 1 and the largest wanted entry; `tolerance=0` asks
    for the same bits. NaN equals NaN.
    """
    got, want = np.asarray(array(got), np.float64), np.asarray(array(want), np.float64)
    if got.shape != want.shape:
        return f"shape {got.shape}, where {want.shape} was due"
    if got.size == 0 or np.array_equal(got, want, equal_nan=True):
        return None
    got, want, scalar = np.atleast_1d(got), np.atleast_1d(want), got.ndim == 0
    with np.errstate(invalid="ignore"):
        difference = np.abs(got - want)
    # inf - inf and NaN - NaN are no difference; NaN against a number is an infinite one.
    difference[(got == want) | (np.isnan(got) & np.isnan(want))] = 0.0
    difference[np.isnan(difference)] = np.inf
    finite = np.abs(want[np.isfinite(want)])
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    if difference[worst] <= tolerance * max(1.0, finite.max(initial=0.0)):
        return None
    place = "" if scalar else f" at {tuple(int(i) for i in worst)}"
    return f"{got[worst]:.9g}{place}, where {want[worst]:.9g} was due"


def must_agree(got: Any, want: Any, tolerance: float, what: str, *, why: str, mend: str) -> None:
    """Raise `CheckFailed` if two arrays, or two dicts of arrays, differ."""
    if isinstance(want, Mapping) or isinstance(got, Mapping):
        if not isinstance(got, Mapping) or not isinstance(want, Mapping) or set(got) != set(want):
            raise CheckFailed(
                f"{what}: {_keys(got)}, where {_keys(want)} were due", why=why, mend=mend
            )
        for name in want:
            must_agree(got[name], want[name], tolerance, f"{what}[{name!r}]", why=why, mend=mend)
        return
    found = apart(got, want, tolerance)
    if found:
        raise CheckFailed(f"{what}: {found}", why=why, mend=mend)


def _keys(value: Any) -> Any:
    return sorted(value) if isinstance(value, Mapping) else f"one value {value}"


def must_be_finite(values: Any, what: str, *, why: str, mend: str) -> None:
    """Raise `CheckFailed` if an array has an entry that is infinite or no number."""
    found = np.asarray(array(values), np.float64)
    bad = ~np.isfinite(found)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise CheckFailed(
            f"{what}: {found[first]} at {first} ({int(bad.sum())} of {found.size} entries)",
            why=why,
            mend=mend,
        )


def worlds() -> dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Ways to run a function of tensors, by the name of what differs from eager execution."""
    return {
        "tf.function": tf.function,
        "XLA": lambda function: tf.function(function, jit_compile=True),
    }

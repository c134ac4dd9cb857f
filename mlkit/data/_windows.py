"""Windows of time series that never see what they are to predict."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit._core.types import Tensor
from mlkit.data._source import Indexed, as_resident


def windows(
    source: Any,
    length: int,
    *,
    horizon: int = 1,
    gap: int = 0,
    stride: int = 1,
    series: Any = None,
) -> Indexed:
    """Cut time series into pairs (past, future), without look-ahead.

    A window that starts at step t holds the inputs of t … t+length-1 and the targets of
    t+length+gap … t+length+gap+horizon-1: every input is earlier than every target. Windows that
    overlap share steps, so cut a series into training and test part by time **before** this.

    Args:
        source: array (time, …), inputs and targets at once; or a tuple (inputs, targets) of arrays
            with the same first dimension.
        length: steps of input, ≥ 1.
        horizon: steps of target, ≥ 0; 0: inputs only.
        gap: steps between input and target, ≥ 0, such as the delay until a value is known.
        stride: steps from one window to the next, ≥ 1.
        series: number or name of the series of each step, if there are several, one after the
            other; no window crosses from one to the next. None: one series.

    Returns:
        A source of (input (length, …), target (horizon, …)), or of inputs only.

    Raises:
        ValueError: a series shorter than a window, or one that is not in one piece.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, y = next(iter(mk.data.windows(np.arange(10), 3, horizon=2, gap=1)))
        >>> x.numpy().tolist(), y.numpy().tolist()
        ([0, 1, 2], [4, 5])
    """
    for name, number, low in (
        ("length", length, 1),
        ("horizon", horizon, 0),
        ("gap", gap, 0),
        ("stride", stride, 1),
    ):
        check_integer(name, number, low=low)
    held = as_resident(source)
    reach = length + (gap + horizon if horizon else 0)
    starts = np.concatenate(
        [np.arange(a, b - reach + 1, stride) for a, b in _runs(held.size, series, reach)]
    )
    rows = held.rows
    inputs, targets = rows if isinstance(rows, tuple) and len(rows) == 2 else (rows, rows)

    def load(start: Tensor) -> Any:
        return _cut(inputs, targets, start[:, None], length, gap, horizon)

    return Indexed(tf.constant(starts), load_rows=load, title=f"windows of {length}")


def _cut(inputs: Any, targets: Any, start: Tensor, length: int, gap: int, horizon: int) -> Any:
    past = start + tf.range(length, dtype=tf.int64)
    x = tf.nest.map_structure(lambda t: tf.gather(t, past), inputs)
    if not horizon:
        return x
    future = start + length + gap + tf.range(horizon, dtype=tf.int64)
    return x, tf.nest.map_structure(lambda t: tf.gather(t, future), targets)


def _runs(size: int, series: Any, reach: int) -> list[tuple[int, int]]:
    """(first, past the last) step of each series."""
    if series is None:
        edges = np.asarray([0, size])
    else:
        names = np.asarray(series)
        if names.shape != (size,):
            raise ValueError(
                f"`series` must name the series of each of the {size} steps. "
                f"Received shape {names.shape}."
            )
        edges = np.r_[0, np.flatnonzero(names[1:] != names[:-1]) + 1, size]
        if len(edges) - 1 > len(np.unique(names)):
            raise ValueError("`series`: the steps of a series must follow each other. Sort by it.")
    shortest = int(np.diff(edges).min())
    if shortest < reach:
        raise ValueError(
            f"A window reaches over {reach} steps (length, gap and horizon), but a series has only "
            f"{shortest}."
        )
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

"""Short sequences side by side in rows of one length."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_choice, check_integer
from mlkit.data._source import Indexed, as_resident, ragged_leaves


def pack(source: Any, length: int, *, value: Any = 0, long: str = "raise") -> Indexed:
    """Pack sequences into rows of one length, with the numbers of their segments.

    Best fit, the longest first: rows are nearly full, nothing is lost and nothing is cut. A model
    keeps the sequences of a row apart by `segments` (attention only where they are equal) and
    `positions`. Which sequences share a row is fixed; `mk.data.pipeline` shuffles the rows.

    Args:
        source: sequences (a RaggedTensor, list of lists, data set), or a dict of several that have
            the same lengths, such as tokens and tags.
        length: tokens in a row, ≥ 1.
        value: what to pad numbers with; strings are padded with "".
        long: sequences longer than `length`: `"raise"`, or `"split"` into pieces, each of which is
            then a sequence of its own.

    Returns:
        A source of dicts: the components (`"tokens"`, if `source` is not a dict), shape (length,
        …), `"segments"` (1, 2, … and 0 for padding) and `"positions"` (from 0 within a segment),
        both (length,), int32.

    Raises:
        ValueError: no sequences, components of different lengths, or a sequence too long.

    Example:
        >>> import mlkit as mk
        >>> row = next(iter(mk.data.pack([[5, 6, 7], [8, 9]], 6)))
        >>> row["tokens"].numpy().tolist(), row["segments"].numpy().tolist()
        ([5, 6, 7, 8, 9, 0], [1, 1, 1, 2, 2, 0])
        >>> row["positions"].numpy().tolist()
        [0, 1, 2, 0, 1, 0]

    Reference:
        Krell et al. 2021, "Efficient sequence packing without cross-contamination",
        https://arxiv.org/abs/2107.02027.
    """
    check_integer("length", length, low=1)
    check_choice("long", long, ("raise", "split"))
    rows = as_resident(source).rows
    rows = rows if isinstance(rows, dict) else {"tokens": rows}
    clash = {"segments", "positions"} & set(rows)
    if clash:
        raise ValueError(f"`source` has components named {sorted(clash)}, which `pack` adds.")
    starts, lengths = _pieces(rows, length, long)
    row, place, count = _best_fit(lengths, length)
    token, target = _positions(starts, lengths, row * length + place)
    packed = {name: _fill(leaf, token, target, count, length, value) for name, leaf in rows.items()}
    segments = np.zeros(count * length, np.int32)
    positions = np.zeros(count * length, np.int32)
    segments[target] = np.repeat(_ranks(row, place), lengths)
    positions[target] = np.arange(len(target)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    packed["segments"] = tf.constant(segments.reshape(count, length))
    packed["positions"] = tf.constant(positions.reshape(count, length))
    return Indexed(packed, title=f"packed rows of {length}")


def _pieces(rows: dict[str, Any], length: int, long: str) -> tuple[np.ndarray, np.ndarray]:
    """(start, length) of each piece in the flat values."""
    leaves = ragged_leaves(rows)
    if len(leaves) != len(tf.nest.flatten(rows)) or any(v.ragged_rank != 1 for v in leaves):
        raise ValueError("All components must be sequences of one ragged dimension to be packed.")
    splits = leaves[0].row_splits.numpy()
    if any(not np.array_equal(leaf.row_splits, splits) for leaf in leaves):
        raise ValueError("The components of `source` must have the same lengths, row by row.")
    starts, lengths = splits[:-1], np.diff(splits)
    if long == "raise" and lengths.max(initial=0) > length:
        raise ValueError(
            f"{(lengths > length).sum()} sequences are longer than `length`={length}; the longest "
            f'has {lengths.max()}. Give a larger one, or pass long="split".'
        )
    pieces = -(-lengths // length)
    number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(starts, pieces) + number * length
    return starts, np.minimum(np.repeat(splits[1:], pieces) - starts, length)


def _best_fit(lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(row, place in it) of each piece, and the number of rows."""
    row, place = np.zeros(len(lengths), np.int64), np.zeros(len(lengths), np.int64)
    free: list[list[int]] = [[] for _ in range(length + 1)]  # rows by the space that they have
    used = 0  # bit s: there is a row with space s
    count = 0
    for i in np.argsort(-lengths, kind="stable"):
        size = int(lengths[i])
        fits = used >> size
        if fits:
            space = size + (fits & -fits).bit_length() - 1
            row[i] = free[space].pop()
            if not free[space]:
                used ^= 1 << space
        else:
            space, row[i], count = length, count, count + 1
        place[i] = length - space
        if space > size:
            free[space - size].append(int(row[i]))
            used |= 1 << (space - size)
    return row, place, count


def _ranks(row: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The number of each piece in its row, from 1, in the order of their places."""
    order = np.lexsort((place, row))
    new = np.diff(row[order], prepend=-1) != 0
    first = np.maximum.accumulate(np.where(new, np.arange(len(row)), 0))
    ranks = np.empty(len(row), np.int64)
    ranks[order] = np.arange(len(row)) - first + 1
    return ranks


def _positions(
    starts: np.ndarray, lengths: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each token: where it is in the flat values, and where it goes."""
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + step, np.repeat(targets, lengths) + step


def _fill(
    leaf: tf.RaggedTensor,
    token: np.ndarray,
    target: np.ndarray,
    count: int,
    length: int,
    value: Any,
) -> Any:
    flat = leaf.values.numpy()
    fill = b"" if leaf.dtype == tf.string else value
    packed = np.full((count * length, *flat.shape[1:]), fill, flat.dtype)
    packed[target] = flat[token]
    return tf.constant(packed.reshape(count, length, *flat.shape[1:]))

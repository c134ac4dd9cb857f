"""Splits in which no example, no duplicate and no group is in two parts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit.data._fingerprint import fingerprint
from mlkit.data._random import fold
from mlkit.data._shuffle import epoch_order
from mlkit.data._source import Indexed, as_source, as_tensor, call

_WORD = 2.0**64
_BATCH = 256  # examples that are read at once where they are not in memory
_INDEX_STREAM = 0x5317  # an order of its own, not that of an epoch of training


def split(
    source: Any,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    *,
    by: str = "index",
    key: Any = None,
    stratify: Any = None,
    groups: Any = None,
    seed: int = 0,
) -> tuple[Any, ...]:
    """Split a source into parts that share nothing, on every epoch.

    `take` and `skip` after a shuffle draw the parts anew in each epoch, so that most of the
    validation set is trained on. Here a part is a fixed set of examples.

    `by="index"`: a random part of the numbers 0 … n-1, with sizes exact to one example.
    `by="hash"`: a hash of a key, or of the whole example, decides. Each example stays where it is
    when others are added, and equal examples are in one part. Sizes are right on average.

    Args:
        source: as for `mk.data.pipeline`. A `tf.data.Dataset` that is too large for memory can be
            split with `by="hash"` and a function as `key`: it is then read in a stream.
        fractions: shares of the parts, each in (0, 1], with sum 1.
        by: `"index"` or `"hash"`.
        key: for `by="hash"`: name or position of a component of the elements, an array with a key
            for each example, or a function from an element to its key. Must be unique. None: the
            whole content of the example.
        stratify: labels (name, position, array or function, as `key`): each part has the same
            share of each class, to one example. Needs `by="index"`.
        groups: group of each example (as `key`), such as the patient: a group is never divided.
            Sizes are then as near as the groups allow.
        seed: integer; another seed gives other parts.

    Returns:
        A tuple with a part for each fraction: arrays for arrays, a DataFrame for a DataFrame,
        else a `tf.data.Dataset`. Examples keep their order.

    Raises:
        ValueError: fractions that do not sum to 1, an empty part, a key that is not unique, a
            class with fewer examples than parts.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> train, test = mk.data.split(np.arange(10), (0.8, 0.2), seed=1)
        >>> len(train), len(test), np.intersect1d(train, test).size
        (8, 2, 0)
    """
    edges = _edges(fractions)
    check_choice("by", by, ("index", "hash"))
    check_integer("seed", seed)
    if by == "index" and key is not None:
        raise ValueError('`key` needs by="hash". Received: by="index"')
    if stratify is not None and (groups is not None or by == "hash"):
        raise ValueError('`stratify` needs by="index" and no `groups`: pick one of them.')
    named = groups if groups is not None else key
    if by == "hash" and _streams(source) and (named is None or callable(named)):
        return _stream(source, edges, named, seed)
    indexed = as_source(source)
    if groups is not None:
        part = _by_group(_column(indexed, groups, "groups"), edges, by, seed)
    elif stratify is not None:
        part = _by_class(_column(indexed, stratify, "stratify"), edges, seed)
    elif by == "hash":
        part = _by_hash(indexed, key, edges, seed)
    else:
        part = _cut(_order(indexed.size, seed), edges)
    return _take(source, indexed, part, len(edges))


def _edges(fractions: Sequence[float]) -> np.ndarray:
    for value in fractions:
        check_number("fractions", value, low=0.0, high=1.0, open_low=True)
    if abs(sum(fractions) - 1.0) > 1e-6:
        raise ValueError(
            f"`fractions` must sum to 1, they sum to {sum(fractions):g}. "
            f"Received: fractions={tuple(fractions)}"
        )
    return np.cumsum(np.asarray(fractions, np.float64)) / np.sum(np.asarray(fractions, np.float64))


def _order(size: int, seed: int, stream: int = 0) -> np.ndarray:
    return epoch_order(size, fold(seed, _INDEX_STREAM), stream).numpy()


def _cut(order: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The part of each example when the shuffled examples are cut at the edges."""
    stops = np.rint(edges * len(order)).astype(np.int64)
    part = np.empty(len(order), np.int64)
    part[order] = np.searchsorted(stops, np.arange(len(order)), side="right")
    return part


def _by_class(labels: np.ndarray, edges: np.ndarray, seed: int) -> np.ndarray:
    part = np.empty(len(labels), np.int64)
    classes, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < len(edges):
        rare = classes[counts.argmin()]
        raise ValueError(
            f"`stratify`: class {rare} has {counts.min()} examples, fewer than the {len(edges)} "
            "parts. Join or leave out rare classes."
        )
    for i in range(len(classes)):
        members = np.flatnonzero(number == i)
        stops = np.rint(edges * len(members)).astype(np.int64)
        # A rare class is in every part: each boundary leaves one example before and behind it.
        low = np.arange(1, len(edges) + 1)
        stops = np.clip(stops, low, len(members) - low[::-1] + 1)
        place = np.searchsorted(stops, np.arange(len(members)), side="right")
        part[members[_order(len(members), seed, i)]] = place
    return part


def _by_group(groups: np.ndarray, edges: np.ndarray, by: str, seed: int) -> np.ndarray:
    names, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if by == "hash":
        return _place(as_tensor(names), edges, seed)[number]
    if len(names) < len(edges):
        raise ValueError(
            f"`groups` has {len(names)} different groups, fewer than the {len(edges)} parts."
        )
    order = _order(len(names), seed)
    order = order[np.argsort(-counts[order], kind="stable")]  # the large ones while there is room
    wanted = np.diff(edges, prepend=0.0) * counts.sum()
    part = np.empty(len(names), np.int64)
    for group in order:
        part[group] = np.argmax(wanted)
        wanted[part[group]] -= counts[group]
    return part[number]


def _place(keys: Any, edges: np.ndarray, seed: int) -> np.ndarray:
    word = fold(seed, fingerprint(keys))
    return np.searchsorted(edges[:-1], word.numpy() / _WORD, side="right")


def _by_hash(source: Indexed, key: Any, edges: np.ndarray, seed: int) -> np.ndarray:
    if key is None:
        # Of the content, never of what names it: the same wherever the examples lie.
        parts = [_place(rows, edges, seed) for rows in _contents(source)]
        return np.concatenate(parts)
    values = _column(source, key, "key")
    unique, counts = np.unique(values, return_counts=True)
    if len(unique) < len(values):
        twice = unique[counts.argmax()]
        raise ValueError(
            f"`key` must be unique: {twice} stands for {counts.max()} examples. If examples "
            "with one key belong together, hand it over as `groups`."
        )
    return _place(as_tensor(values), edges, seed)


def _contents(source: Indexed) -> Iterator[Any]:
    """The elements in batches."""
    if source.resident:
        yield source.rows
    else:
        specs = tf.nest.flatten(source.element_spec)
        whole = all(isinstance(s, tf.TensorSpec) and s.shape.is_fully_defined() for s in specs)
        yield from source.batch(_BATCH) if whole else source.ragged_batch(_BATCH)


def _holds(rows: Any, named: Any) -> bool:
    """Whether rows have a component of this name or position, so that nothing must be loaded."""
    if isinstance(rows, dict):
        return named in rows
    return isinstance(rows, tuple) and isinstance(named, int) and -len(rows) <= named < len(rows)


def _column(source: Indexed, named: Any, argument: str) -> np.ndarray:
    """A value for each example from a name, a position, an array or a function."""
    rows = source.rows
    if callable(named):
        values = np.asarray([np.asarray(call(named, row)) for row in source])
    elif isinstance(named, str) or (isinstance(named, int) and not isinstance(named, bool)):
        try:
            if _holds(rows, named):
                values = np.asarray(rows[named])
            else:
                values = np.asarray([np.asarray(element[named]) for element in source])
        except (KeyError, IndexError, TypeError):
            spec = source.element_spec
            known = list(spec) if isinstance(spec, dict) else "positions of a tuple"
            raise ValueError(
                f"`{argument}` names {named!r}, which is not among the components of the "
                f"elements: {known}."
            ) from None
    else:
        values = np.asarray(named)
    if values.shape != (source.size,):
        raise ValueError(
            f"`{argument}` must give one value for each of the {source.size} examples. "
            f"Received values of shape {values.shape}."
        )
    return values


def _take(source: Any, indexed: Indexed, part: np.ndarray, count: int) -> tuple[Any, ...]:
    chosen = [np.flatnonzero(part == i) for i in range(count)]
    sizes = [len(index) for index in chosen]
    if not all(sizes):
        raise ValueError(
            f"A part of the split is empty: {indexed.size} examples gave parts of {sizes}. "
            "Give larger fractions, more data, or another seed."
        )
    if isinstance(source, tf.data.Dataset):
        return tuple(indexed.select(index) for index in chosen)
    if hasattr(source, "iloc"):
        return tuple(source.iloc[index] for index in chosen)
    return tuple(_pick(source, index) for index in chosen)


def _pick(source: Any, index: np.ndarray) -> Any:
    if isinstance(source, dict):
        return {name: _pick(value, index) for name, value in source.items()}
    if isinstance(source, tuple):
        return tuple(_pick(value, index) for value in source)
    if tf.is_tensor(source):
        return tf.gather(as_tensor(source), index)
    return [source[i] for i in index] if isinstance(source, list) else np.asarray(source)[index]


def _streams(source: Any) -> bool:
    return isinstance(source, tf.data.Dataset) and not isinstance(source, Indexed)


def _stream(
    dataset: tf.data.Dataset, edges: np.ndarray, key: Callable[..., Any] | None, seed: int
) -> tuple[tf.data.Dataset, ...]:
    """Parts of a data set that is never in memory: each reads all and keeps its own."""
    bounds = tf.constant(edges[:-1], tf.float64)

    def keeps(number: int) -> Callable[..., Any]:
        def predicate(*element: Any) -> Any:
            value = element if key is None else key(*element)
            one = tf.nest.map_structure(lambda t: tf.convert_to_tensor(t)[None], value)
            share = tf.cast(fold(seed, fingerprint(one)), tf.float64) / _WORD
            return tf.searchsorted(bounds, share, side="right")[0] == number

        return predicate

    return tuple(dataset.filter(keeps(i)) for i in range(len(edges)))

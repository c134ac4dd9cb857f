"""What is in a data set, and what looks wrong in it."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit.data._fingerprint import fingerprint
from mlkit.data._source import as_source

_FEW = 30  # whole numbers with at most so many values are taken for classes


class Description:
    """What `mk.data.describe` found; `print` shows it.

    Attributes: `count` (elements looked at), `complete` (whether that is all), `columns` (a dict of
    facts for each component, by its path) and `suspicious` (sentences).

    Args:
        count: number of elements looked at.
        complete: whether the data set has no more.
        columns: facts for each component.
        suspicious: what should be looked at.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> mk.data.describe(np.array([[0.0, 5.0], [1.0, 5.0]])).suspicious
        ['column 1 of value is constant: 5']
    """

    def __init__(
        self, count: int, complete: bool, columns: dict[str, dict[str, Any]], suspicious: list[str]
    ) -> None:
        self.count, self.complete = count, complete
        self.columns, self.suspicious = columns, suspicious

    def __repr__(self) -> str:
        more = "" if self.complete else ", there are more"
        lines = [f"{self.count} elements{more}"]
        for name, facts in self.columns.items():
            text = ", ".join(f"{key} {value}" for key, value in facts.items())
            lines.append(f"  {name}: {text}")
        lines += [f"  ! {sentence}" for sentence in self.suspicious]
        return "\n".join(lines)

    __str__ = __repr__


def describe(source: Any, limit: int = 100_000) -> Description:
    """Describe a data set: shapes, ranges, classes, missing values, suspicious things.

    Suspicious are: values that are not finite, constant columns, classes that are missing between
    others or rare, equal elements, and images of one colour.

    Args:
        source: as for `mk.data.pipeline`, also a `tf.data.Dataset` without end.
        limit: largest number of elements to look at, ≥ 1.

    Returns:
        `Description`, to be printed or read.

    Raises:
        ValueError: there is no element.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> print(mk.data.describe((np.array([[1.0], [3.0]]), np.array([0, 1]))))
        2 elements
          0: float64 (1,), from 1 to 3, mean 2, std 1
          1: int64 (), classes {0: 1, 1: 1}
    """
    check_integer("limit", limit, low=1)
    dataset = source if isinstance(source, tf.data.Dataset) else as_source(source)
    parts: dict[str, list[np.ndarray]] = {}
    words, count = [], 0
    for element in dataset.take(limit):
        one = tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), element)
        words.append(int(fingerprint(one)[0]))
        for name, value in _named(element):
            parts.setdefault(name, []).append(value)
        count += 1
    if not count:
        raise ValueError("`source` is empty: there is nothing to describe.")
    size = int(dataset.cardinality())
    complete = 0 <= size <= limit or (size == tf.data.UNKNOWN_CARDINALITY and count < limit)
    columns, suspicious = {}, []
    for name, values in parts.items():
        columns[name], found = _column(name, values)
        suspicious += found
    _, first, times = np.unique(words, return_index=True, return_counts=True)
    if (twice := int((times - 1).sum())) > 0:
        example = int(first[times.argmax()])
        suspicious.append(f"{twice} elements are equal to an earlier one, such as to {example}")
    return Description(count, complete, columns, suspicious)


def _named(element: Any, path: str = "") -> list[tuple[str, np.ndarray]]:
    if isinstance(element, dict):
        pairs = element.items()
    elif isinstance(element, tuple):
        pairs = ((str(i), value) for i, value in enumerate(element))
    else:
        value = element.flat_values if isinstance(element, tf.RaggedTensor) else element
        return [(path or "value", value.numpy() if tf.is_tensor(value) else np.asarray(value))]
    return [pair for key, value in pairs for pair in _named(value, f"{path}/{key}".strip("/"))]


def _column(name: str, values: list[np.ndarray]) -> tuple[dict[str, Any], list[str]]:
    """Facts about one component, and what is suspicious in it."""
    first = np.asarray(values[0])
    shapes = {np.shape(v) for v in values}
    if len(shapes) == 1:
        shape = str(first.shape)
    else:
        lengths = [np.shape(v)[0] for v in values]
        shape = f"lengths from {min(lengths)} to {max(lengths)}"
    kind = "string" if first.dtype.kind in "OSU" else str(first.dtype)
    facts: dict[str, Any] = {kind: f"{shape}"}
    if kind == "string":
        return _strings(name, values, facts)
    flat = np.concatenate([np.ravel(v) for v in values])
    if not flat.size:
        return facts, [f"{name} has no values"]
    if flat.dtype.kind in "iub" and first.ndim == 0 and len(np.unique(flat)) <= _FEW:
        return _classes(name, flat, facts)
    found = []
    numbers = flat.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        facts["missing"] = int((~finite).sum())
        found.append(f"{name} has {(~finite).sum()} values that are not finite")
    if finite.any():
        good = numbers[finite]
        facts["from"] = f"{good.min():g} to {good.max():g}"
        facts["mean"], facts["std"] = f"{good.mean():g}", f"{good.std():g}"
    if len(shapes) == 1 and len(values) > 1:
        found += _flat(name, np.stack(values))
    return facts, found


def _strings(
    name: str, values: list[np.ndarray], facts: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    flat = [item for v in values for item in np.ravel(v).tolist()]
    empty = sum(not item for item in flat)
    facts["different"] = len(set(flat))
    if empty:
        facts["empty"] = empty
    constant = len(flat) > 1 and len(set(flat)) == 1
    return facts, [f"{name} is constant: {flat[0]!r}"] if constant else []


def _classes(
    name: str, flat: np.ndarray, facts: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    names, counts = np.unique(flat, return_counts=True)
    facts["classes"] = dict(zip(names.tolist(), counts.tolist(), strict=True))
    found = []
    if len(names) == 1 and len(flat) > 1:
        found.append(f"{name} is constant: {names[0]}")
    missing = sorted(set(range(int(names[0]), int(names[-1]) + 1)) - set(names.tolist()))
    if missing and int(names[0]) in (0, 1):
        found.append(f"{name} never takes {missing}, between its smallest and largest value")
    if names[0] < 0:
        found.append(f"{name} is negative {counts[names < 0].sum()} times: a label out of range?")
    if len(names) > 1 and counts.max() >= 10 * counts.min():
        rare = names[counts.argmin()]
        found.append(
            f"{name} is {counts.max() / counts.min():.0f} times as often {names[counts.argmax()]} "
            f"as {rare}: see `mk.data.class_weights`"
        )
    return facts, found


def _flat(name: str, values: np.ndarray) -> list[str]:
    """Constant columns of vectors, images of one colour."""
    if values.ndim in (1, 2):
        columns = values.reshape(len(values), -1)
        same = np.flatnonzero((columns == columns[0]).all(axis=0))
        if columns.shape[1] == 1:
            return [f"{name} is constant: {columns[0, 0]:g}"] if len(same) else []
        return [f"column {i} of {name} is constant: {columns[0, i]:g}" for i in same[:5]] + (
            [f"{len(same)} columns of {name} are constant"] if len(same) > 5 else []
        )
    if values.ndim in (3, 4):
        pixels = values.reshape(len(values), values.shape[1] * values.shape[2], -1)
        blank = np.flatnonzero((pixels == pixels[:, :1]).all(axis=(1, 2)))
        if len(blank):
            return [f"{len(blank)} of {name} are of one colour, such as element {blank[0]}"]
    return []

"""What is in a data set, and what looks wrong in it."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit.data._columns import Column
from mlkit.data._fingerprint import fingerprint
from mlkit.data._pipeline import Pipeline
from mlkit.data._source import Indexed, as_source

_BATCH = 256  # elements that are looked at together


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


def describe(source: Any, limit: int = 100_000, classes: int | None = None) -> Description:
    """Describe a data set: shapes, ranges, classes, missing values, suspicious things.

    Suspicious are: values that are not finite, constant columns, labels out of range, classes that
    are missing or rare, equal elements, and images of one colour.

    Args:
        source: as for `mk.data.pipeline`, also a `tf.data.Dataset` without end. Of a
            `mk.data.pipeline` the examples of its first epoch, as a model gets them. Of another
            data set of batches each batch is one element.
        limit: largest number of elements to look at, ≥ 1.
        classes: number of classes. The label (the second of a tuple, or the component "label" of a
            dict) is then out of range unless it is in 0 … classes - 1. None: that of the folder
            that was read, or not known.

    Returns:
        `Description`, to be printed or read.

    Raises:
        ValueError: there is no element, or `classes` is given and no label is there.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> print(mk.data.describe((np.array([[1.0], [3.0]]), np.array([0, 1]))))
        2 elements
          0: float64 (1,), from 1 to 3, mean 2, std 1
          1: int64 (), classes {0: 1, 1: 1}
        >>> mk.data.describe((np.zeros(2), np.array([0, 2])), classes=2).suspicious[1]
        '1 is out of the range 0 to 1 1 times, such as 2'
    """
    check_integer("limit", limit, low=1)
    if classes is not None:
        check_integer("classes", classes, low=1)
    dataset = source if isinstance(source, tf.data.Dataset) else as_source(source)
    held = source.source if isinstance(source, Pipeline) else source
    label = _label(dataset.element_spec, asked=classes is not None)
    if classes is None and isinstance(held, Indexed):
        classes = len(held.classes) or None
    columns: dict[str, Column] = {}
    words: list[np.ndarray] = []
    for word, batch in _batches(dataset, limit):
        words.append(word.numpy())
        for name, values in _named(batch):
            if name not in columns:
                columns[name] = Column(name, classes if name == label else None)
            columns[name].add(values)
    if not words:
        raise ValueError("`source` is empty: there is nothing to describe.")
    seen = np.concatenate(words)
    facts = {name: column.facts() for name, column in columns.items()}
    suspicious = [sentence for column in columns.values() for sentence in column.suspicious()]
    _, first, times = np.unique(seen, return_index=True, return_counts=True)
    if (twice := int((times - 1).sum())) > 0:
        example = int(first[times.argmax()])
        suspicious.append(f"{twice} elements are equal to an earlier one, such as to {example}")
    return Description(len(seen), _complete(dataset, len(seen), limit), facts, suspicious)


def _complete(dataset: tf.data.Dataset, count: int, limit: int) -> bool:
    """Whether all elements were looked at."""
    if isinstance(dataset, Pipeline):
        return count == dataset.size
    size = int(dataset.cardinality())
    return 0 <= size <= limit or (size == tf.data.UNKNOWN_CARDINALITY and count < limit)


def _batches(dataset: tf.data.Dataset, limit: int) -> tf.data.Dataset:
    """(fingerprints, elements) in batches; elements that differ in shape come one by one."""
    if isinstance(dataset, Pipeline):
        dataset = dataset.take(dataset.steps_per_epoch).unbatch()
    specs = tf.nest.flatten(dataset.element_spec)
    whole = all(isinstance(s, tf.TensorSpec) and s.shape.is_fully_defined() for s in specs)
    first = dataset.take(limit)
    batches = first.batch(_BATCH) if whole else first

    def worded(*parts: Any) -> Any:
        batch = parts if isinstance(dataset.element_spec, tuple) else parts[0]
        if not whole:
            batch = tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), batch)
        return fingerprint(batch), batch

    return batches.map(worded, tf.data.AUTOTUNE)


def _label(spec: Any, asked: bool) -> str | None:
    """The path of the component that is the label."""
    if isinstance(spec, dict):
        found = "label" if "label" in spec else None
    else:
        found = "1" if isinstance(spec, tuple) and len(spec) > 1 else None
    if asked and found is None:
        raise ValueError(
            "`classes` needs a label: the second component of a tuple, or the component "
            f'"label" of a dict. Received elements of {spec}.'
        )
    return found


def _named(batch: Any, path: str = "") -> list[tuple[str, np.ndarray]]:
    """Batches of the components by path."""
    if isinstance(batch, dict):
        pairs = batch.items()
    elif isinstance(batch, tuple):
        pairs = ((str(i), value) for i, value in enumerate(batch))
    else:
        ragged = isinstance(batch, tf.RaggedTensor)
        values = batch.flat_values.numpy()[None] if ragged else batch.numpy()
        return [(path or "value", values)]
    return [pair for key, value in pairs for pair in _named(value, f"{path}/{key}".strip("/"))]

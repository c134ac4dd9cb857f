"""Classes of different frequency: weights, and more of the rare ones."""

from typing import Any

import numpy as np

from mlkit._core.checks import check_number
from mlkit.data._source import Indexed, as_source
from mlkit.data._split import _column


def class_weights(labels: Any, smoothing: float = 0.0) -> dict[int, float]:
    """Weights that make every class count the same: n / (classes · count).

    For `class_weight=` of `model.fit`. The weighted number of examples stays n.

    Args:
        labels: integer labels, any shape; or one-hot labels of shape (n, classes).
        smoothing: examples added to each count, ≥ 0; large values bring the weights near 1.

    Returns:
        Dict from each label that occurs to its weight.

    Raises:
        ValueError: no labels, or labels that are not whole numbers.

    Example:
        >>> import mlkit as mk
        >>> mk.data.class_weights([0, 0, 0, 1])
        {0: 0.6666666666666666, 1: 2.0}
    """
    check_number("smoothing", smoothing, low=0.0)
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] > 1 and (values.sum(axis=1) == 1).all():
        values = values.argmax(axis=1)
    if not values.size or (values != np.floor(values)).any():
        raise ValueError("`labels` must be integers or one-hot, and at least one.")
    names, counts = np.unique(values.astype(np.int64), return_counts=True)
    weights = 1.0 / (counts + smoothing)
    weights *= counts.sum() / (weights * counts).sum()
    return dict(zip(names.tolist(), weights.tolist(), strict=True))


def oversample(source: Any, labels: Any, ratio: float = 1.0) -> Indexed:
    """Balance the sampling: repeat rare classes until all are equally frequent.

    Split before, never after: a repeated example in two parts is a leak. `mk.data.pipeline`
    shuffles the copies, so that they are met at different times, and augments each of its own.

    Args:
        source: as for `mk.data.pipeline`.
        labels: name or position of the component with the class, or an array, or a function from
            an element to it.
        ratio: size of every class, at least, as a share of the largest, in (0, 1].

    Returns:
        A source with the examples of `source` first, in their order, and then the copies. Each
        example of a class is repeated equally often, to one.

    Raises:
        ValueError: labels that are unknown or of another length.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, y = np.arange(5), np.array([0, 0, 0, 0, 1])
        >>> mk.data.oversample((x, y), labels=1).size
        8
    """
    check_number("ratio", ratio, low=0.0, high=1.0, open_low=True)
    indexed = as_source(source)
    values = _column(indexed, labels, "labels")
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    wanted = np.maximum(counts, np.rint(ratio * counts.max()).astype(np.int64))
    index = [np.arange(indexed.size)]
    for label, count in enumerate(counts):
        members = np.flatnonzero(number == label)
        index.append(np.resize(members, wanted[label] - count))
    chosen = indexed.select(np.concatenate(index))
    chosen.title = f"{indexed.title}, rare classes repeated"
    return chosen

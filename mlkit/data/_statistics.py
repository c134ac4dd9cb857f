"""Mean and spread of a data set in one pass, without cancellation."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from mlkit._core.types import Tensor

_BATCH = 256


class Statistics(NamedTuple):
    """What `mk.data.statistics` found, for each feature.

    Attributes:
        count: number of values of each feature.
        mean: mean, float64.
        std: standard deviation of the values (not of a sample), float64.
        min: smallest value.
        max: largest value.

    Example:
        >>> import mlkit as mk
        >>> mk.data.statistics([1.0, 3.0]).normalize([1.0, 3.0, 5.0]).numpy().tolist()
        [-1.0, 1.0, 3.0]
    """

    count: int
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray

    def normalize(self, x: Any) -> Tensor:
        """(x - mean) / std in float32, for `map=`; a feature without spread becomes 0."""
        spread = np.where(self.std > 0, self.std, 1.0).astype("float32")
        return (tf.cast(x, tf.float32) - self.mean.astype("float32")) / spread


def statistics(source: Any, on: Any = None, axis: int | None = -1) -> Statistics:
    """Mean, standard deviation and range, of the **training** part, in one pass.

    Batches are merged by the rule of Chan, Golub and LeVeque, a form of Welford's: with the sum of
    squares, float32 pictures with a large mean would lose all digits of their variance.

    Args:
        source: array, or a `tf.data.Dataset` of elements (not of batches) that ends.
        on: name or position of the component, if elements are dicts or tuples. None: the first of
            a tuple, else the element.
        axis: the axis of an element that holds the features, such as -1 for channels; None:
            statistics over everything, as scalars.

    Returns:
        `Statistics(count, mean, std, min, max)`; `normalize(x)` applies it.

    Raises:
        ValueError: nothing to count, or values that are not finite.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> s = mk.data.statistics(np.array([[1.0, 10.0], [3.0, 10.0]]))
        >>> s.mean.tolist(), s.std.tolist()
        ([2.0, 10.0], [1.0, 0.0])

    Reference:
        Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance",
        https://doi.org/10.1080/00031305.1983.10483115.
    """
    count, mean, square = 0, np.zeros(()), np.zeros(())
    low, high = np.asarray(np.inf), np.asarray(-np.inf)
    for values in _batches(source, on, axis):
        if not np.isfinite(values).all():
            raise ValueError(
                f"`source` holds values that are not finite, among the first {count + len(values)} "
                "values of a feature. `mk.data.describe` counts them."
            )
        n, batch_mean = len(values), values.mean(axis=0)
        delta = batch_mean - mean
        square = square + ((values - batch_mean) ** 2).sum(axis=0)
        square = square + delta**2 * (count * n / (count + n))
        mean = mean + delta * (n / (count + n))
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        count += n
    if not count:
        raise ValueError("`source` is empty: there is nothing to count.")
    return Statistics(count, mean, np.sqrt(square / count), low, high)


def _batches(source: Any, on: Any, axis: int | None) -> Any:
    """Values as float64 arrays of shape (n, features), or (n,)."""
    for value in _elements(source, on):
        array = np.asarray(value, np.float64)
        rank = array.ndim - 1
        if axis is None or rank == 0:
            flat = array.reshape(-1)
        else:
            flat = np.moveaxis(array, axis if axis < 0 else axis + 1, -1)
            flat = flat.reshape(-1, flat.shape[-1])
        if len(flat):
            yield flat


def _elements(source: Any, on: Any) -> Any:
    """Batches of the component; elements of different shapes come one by one."""

    def pick(element: Any) -> Any:
        if on is not None:
            return element[on]
        return element[0] if isinstance(element, tuple) else element

    if isinstance(source, tf.data.Dataset):
        if int(source.cardinality()) == tf.data.INFINITE_CARDINALITY:
            raise ValueError("`source` repeats for ever. Hand it over before `.repeat()`.")
        values = source.map(lambda *e: pick(e if len(e) > 1 else e[0]))
        spec = values.element_spec
        whole = isinstance(spec, tf.TensorSpec) and spec.shape.is_fully_defined()
        yield from values.batch(_BATCH if whole else 1).as_numpy_iterator()
        return
    array = np.asarray(pick(source))
    for start in range(0, len(array), _BATCH):
        yield array[start : start + _BATCH]

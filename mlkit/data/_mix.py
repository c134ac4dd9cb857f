"""Several data sets in given proportions."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Tensor
from mlkit.data._random import fold, uniform


def mix(
    datasets: Sequence[tf.data.Dataset], weights: Sequence[float] | None = None, seed: int = 0
) -> tf.data.Dataset:
    """Draw each element from one of several data sets, with given probabilities.

    Which one is a function of (seed, number of the element): nothing but that number is saved. Ends
    with the first data set that does, so that the proportions hold to the end; `.repeat()` those
    that are to go on.

    Args:
        datasets: data sets with the same element spec, such as pipelines.
        weights: a number ≥ 0 for each, in any unit. None: all alike.
        seed: integer.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        ValueError: no data sets, a weight for each is missing, or all are 0.

    Example:
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> a, b = (tf.data.Dataset.from_tensors(i).repeat() for i in range(2))
        >>> sum(int(i) for i in mk.data.mix([a, b], [3, 1], seed=2).take(1000)) in range(200, 300)
        True
    """
    check_integer("seed", seed)
    if not datasets:
        raise ValueError("`datasets` must hold at least one data set. Received: none")
    shares = [1.0] * len(datasets) if weights is None else list(weights)
    for share in shares:
        check_number("weights", share, low=0.0)
    if len(shares) != len(datasets) or not sum(shares):
        raise ValueError(
            f"`weights` must give a number for each of the {len(datasets)} data sets, not all 0. "
            f"Received: weights={weights!r}"
        )
    edges = tf.constant(np.cumsum(shares)[:-1] / np.sum(shares), tf.float32)

    def choose(number: Tensor) -> Tensor:
        draw = uniform(fold(seed, number), 1)
        return tf.cast(tf.searchsorted(edges, draw, side="right")[0], tf.int64)

    return tf.data.Dataset.choose_from_datasets(
        list(datasets), tf.data.Dataset.range(2**62).map(choose), stop_on_empty_dataset=True
    )

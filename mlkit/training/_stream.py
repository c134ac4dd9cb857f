"""Training data that arrive batch by batch: a tf.data.Dataset, a PyDataset, a generator."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def known_cardinality(dataset: tf.data.Dataset) -> int | None:
    """Batches an epoch, or None where tf.data does not know."""
    count = int(dataset.cardinality())
    return count if count >= 0 else None


def is_infinite(dataset: tf.data.Dataset) -> bool:
    """Whether a dataset never ends, or not within anybody's lifetime (`mk.data.pipeline`)."""
    count = int(dataset.cardinality())
    return count == tf.data.INFINITE_CARDINALITY or count >= 2**48


def from_py_dataset(
    source: keras.utils.PyDataset, shuffle: bool, seed: int
) -> tuple[tf.data.Dataset, Any]:
    """A `PyDataset` as a dataset, its batches in a new order each epoch; and its first batch."""
    count = source.num_batches
    if count is None:
        raise ValueError(
            f"An infinite PyDataset needs `__len__`: {type(source).__name__}.num_batches is None. "
            "Define it, or give a tf.data.Dataset and `steps_per_epoch`."
        )
    epochs = iter(range(2**31))

    def batches() -> Iterator[Any]:
        epoch = next(epochs)
        order = np.random.default_rng((seed, epoch)).permutation(count) if shuffle else range(count)
        if epoch == 0:
            source.on_epoch_begin()
        for index in order:
            yield as_tuple(source[int(index)])
        source.on_epoch_end()

    sample = as_tuple(source[0])
    dataset = from_generator(batches, sample)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)), _cast(sample)


def as_tuple(batch: Any) -> Any:
    """Batches of lists are batches of tuples; `None` at the end is left out."""
    if isinstance(batch, (list, tuple)):
        parts = tuple(batch)
        while parts and parts[-1] is None:
            parts = parts[:-1]
        return parts
    return (batch,)


def _cast(batch: Any) -> Any:
    """Arrays of a batch in the types of `from_generator`."""

    def one(leaf: Any) -> Any:
        array = np.asarray(leaf)
        return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array

    return keras.tree.map_structure(one, batch)


def from_generator(make: Callable[[], Iterator[Any]], sample: Any) -> tf.data.Dataset:
    """A dataset of what a generator yields: the structure of `sample`, with a free batch axis."""

    def spec(leaf: Any) -> tf.TensorSpec:
        return tf.TensorSpec([None, *leaf.shape[1:]], tf.as_dtype(leaf.dtype))

    signature = keras.tree.map_structure(spec, _cast(sample))

    def cast() -> Iterator[Any]:
        for batch in make():
            yield keras.tree.map_structure(
                lambda s, leaf: np.asarray(leaf, s.dtype.as_numpy_dtype), signature, batch
            )

    return tf.data.Dataset.from_generator(cast, output_signature=signature)


def with_end_marker(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Each batch with True, and after the last one an empty batch with False.

    An end that is an element can be seen inside a compiled loop, and survives `.repeat()` and the
    checkpoint of an iterator; an `OutOfRangeError` does neither.
    """
    specs = keras.tree.flatten(dataset.element_spec)
    if not all(isinstance(s, tf.TensorSpec) and s.shape.rank for s in specs):
        raise ValueError(
            "A dataset of unknown length must yield dense batches. Received elements of "
            f"{dataset.element_spec}. Tell its length: "
            "dataset.apply(tf.data.experimental.assert_cardinality(batches))."
        )
    marked = dataset.map(lambda *batch: (batch, True))

    def end(_: Any) -> Any:
        empty = [tf.zeros([0 if n is None else n for n in s.shape], s.dtype) for s in specs]
        batch = tf.nest.pack_sequence_as(marked.element_spec[0], empty)
        return tf.nest.map_structure(
            lambda t, s: tf.ensure_shape(t, s.shape), batch, marked.element_spec[0]
        ), False

    return marked.concatenate(tf.data.Dataset.range(1).map(end))


class Stream:
    """Batches in the order in which a dataset yields them, from one iterator for a whole run.

    Args:
        dataset: yields `(x,)`, `(x, y)` or `(x, y, sample_weight)` with a batch axis.
        steps: batches an epoch; default: until the dataset ends. With it, the dataset goes on
            from epoch to epoch, as in `model.fit`.
        sample: a first batch, where reading one would use it up (a generator).
    """

    shuffle = False
    identity = None
    lone = False  # elements are handed on as they are
    residence = "a stream of batches"

    def __init__(
        self, dataset: tf.data.Dataset, *, steps: int | None = None, sample: Any = None
    ) -> None:
        if steps is None and is_infinite(dataset):
            raise ValueError(
                "The dataset never ends. Give `steps_per_epoch`, or remove `.repeat()`."
            )
        self.dataset = dataset
        self.element_spec = dataset.element_spec
        self.steps = steps if steps is not None else known_cardinality(dataset)
        if self.steps == 0:
            raise ValueError("The dataset is empty: it yields no batch.")
        # A known number of batches needs no marker, and neither does a dataset without an end.
        self.marked = (steps is not None and not is_infinite(dataset)) or self.steps is None
        source = with_end_marker(dataset) if self.marked else dataset
        self._source = source if steps is not None else source.repeat()
        self._iterator: Any = None
        self._rehearsal: Any = None
        self._sample = sample

    def signature(self) -> Any:
        """What a traced program depends on."""
        return repr(self.element_spec), self.marked

    @property
    def read(self) -> tf.data.Dataset:
        """What is read from, epoch after epoch; of a pipeline of ours, itself: it has no end."""
        return self.dataset if hasattr(self.dataset, "small_twin") else self._source

    @property
    def iterator(self) -> Any:
        """The one iterator; its position is the position in the data."""
        if self._iterator is None:
            self._iterator = iter(self._source)
        return self._iterator

    def rewind(self) -> None:
        """Begin the dataset anew."""
        self._iterator = None

    def first_batch(self) -> Any:
        """A first batch, read once: a dataset that shuffles has another state after each look."""
        if self._sample is None:
            self._sample = next(iter(self.dataset.take(1)), None)
        if self._sample is None:
            raise ValueError("The dataset is empty: it yields no batch.")
        return keras.tree.map_structure(
            lambda t: t if tf.is_tensor(t) else tf.convert_to_tensor(t), self._sample
        )

    @property
    def dense(self) -> bool:
        """Whether no part of a batch is sparse or ragged."""
        return all(isinstance(s, tf.TensorSpec) for s in keras.tree.flatten(self.element_spec))

    @property
    def rehearsal(self) -> Any:
        """An iterator over the first batch, again and again, of the same type as `iterator`."""
        if self._rehearsal is None:
            batch = self.first_batch()
            once = tf.data.Dataset.from_tensors((batch, True) if self.marked else batch)
            specs = self._source.element_spec

            def relax(*element: Any) -> Any:
                return tf.nest.map_structure(
                    lambda s, t: tf.compat.v1.placeholder_with_default(t, s.shape), specs, element
                )

            self._rehearsal = iter(once.repeat().map(relax))
        return self._rehearsal

    def head(self, count: int) -> Any:
        """The first examples of a first batch, for building and checking; all, if not dense."""
        batch = self.first_batch()
        return keras.tree.map_structure(lambda t: t[:count], batch) if self.dense else batch

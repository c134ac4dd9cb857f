"""Training data that are all in memory, in an order by seed and epoch."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data._memory import bytes_of, free_memory
from mlkit.data._source import human
from mlkit.training._composite import is_composite, sparse_tensor


def as_array(value: Any, name: str) -> Any:
    """One array as Keras takes it: floats in `floatx`, what is no array of numbers converted."""
    if isinstance(value, keras.KerasTensor):
        raise TypeError(f"`{name}` must hold data. Received a symbolic tensor: {value}")
    if hasattr(value, "tocoo"):
        rows = value.tocoo()
        return sparse_tensor(rows, as_array(rows.data, name))
    if is_composite(value):
        return value
    if not isinstance(value, tf.Tensor):
        value = value.to_numpy() if hasattr(value, "to_numpy") else np.asarray(value)
        if value.dtype == object:
            raise TypeError(
                f"`{name}` must be a rectangular array of numbers or strings. Received an array of "
                f"Python objects of shape {value.shape}: pad it, or give a tf.data.Dataset."
            )
    if value.dtype in (np.float64, tf.float64, np.float16, tf.float16) and (
        value.dtype != keras.config.floatx()
    ):
        floatx = keras.config.floatx()
        value = tf.cast(value, floatx) if isinstance(value, tf.Tensor) else value.astype(floatx)
    return value


def convert(nest: Any, name: str) -> Any:
    """A nest of arrays. Lists of arrays are structure; a list of numbers is one array."""
    if isinstance(nest, dict):
        return {key: convert(value, f"{name}[{key!r}]") for key, value in nest.items()}
    if isinstance(nest, (list, tuple)) and nest and hasattr(nest[0], "shape"):
        return type(nest)(convert(value, f"{name}[{i}]") for i, value in enumerate(nest))
    return None if nest is None else as_array(nest, name)


def length(nest: Any) -> int:
    """The one length of all arrays of a nest.

    Raises:
        ValueError: they differ, there is none, or it is 0.
    """
    flat = [leaf for leaf in keras.tree.flatten(nest) if leaf is not None]
    if any(len(leaf.shape) == 0 for leaf in flat):
        raise ValueError("Training data need a first axis of examples. Received a scalar.")
    sizes = [int(leaf.shape[0]) for leaf in flat]
    if len(set(sizes)) != 1:
        raise ValueError(
            "`x`, `y` and `sample_weight` must have the same length. "
            f"Received arrays of lengths {sizes}."
        )
    if sizes[0] == 0:
        raise ValueError("The training data are empty: their length is 0.")
    return sizes[0]


class Arrays:
    """A nest of arrays, cut into batches in an order that depends on the seed and the epoch alone.

    Args:
        nest: `(x,)`, `(x, y)` or `(x, y, sample_weight)` of arrays with one length.
        batch_size: examples a batch; the last one of an epoch may be smaller.
        shuffle: whether each epoch has an order of its own.
        seed: of the orders.
    """

    def __init__(self, nest: Any, *, batch_size: int, shuffle: bool, seed: int) -> None:
        self.size = length(nest)
        self.batch_size = min(batch_size, self.size)
        self.shuffle = shuffle
        self.seed = seed
        # On the host's memory once: every program reads the same tensors.
        self.tensors = keras.tree.map_structure(tf.convert_to_tensor, nest)
        self.full, self.remainder = divmod(self.size, self.batch_size)

    @property
    def steps(self) -> int:
        """Batches an epoch, the ragged one included."""
        return self.full + (self.remainder > 0)

    dense = True  # what is sparse or ragged is no array, but a stream

    @property
    def lone(self) -> bool:
        """Whether a batch is `x` alone, and one tensor or a dict: what Keras does not wrap."""
        return len(self.tensors) == 1 and not isinstance(self.tensors[0], (list, tuple))

    @property
    def nbytes(self) -> int:
        return bytes_of(self.tensors)

    def signature(self) -> Any:
        """What a traced program depends on."""
        specs = keras.tree.map_structure(lambda t: (tuple(t.shape), t.dtype.name), self.tensors)
        return repr(specs), self.batch_size, self.shuffle

    def order(self, key: Tensor) -> Tensor:
        """The positions of an epoch's examples, shape (size,): a permutation of (seed, epoch)."""
        positions = tf.range(self.size, dtype=tf.int32)
        if not self.shuffle:
            return positions
        # The algorithm is named, or another device would draw another order.
        random: Any = tf.random
        return random.experimental.stateless_shuffle(positions, key, alg="philox")

    def for_epoch(self, tensors: Any, key: Tensor) -> Any:
        """What an epoch cuts its batches from; `key` is (seed, epoch)."""
        return tensors

    # A function from a batch as it was cut to the one that a step takes; None: they are the same.
    finish: Callable[[Any], Any] | None = None
    identity: Any = None  # what else a traced program depends on, within this process

    def head(self, count: int) -> Any:
        """The first examples as they lie, for building and checking."""
        return keras.tree.map_structure(lambda t: t[: min(count, self.batch_size)], self.tensors)

    def seen(self) -> Any:
        """As many examples as can be looked at: all."""
        return self.tensors

    @property
    def fits(self) -> bool:
        """Whether a copy in the order of an epoch fits into half of the memory that is free."""
        free = free_memory()
        return free is None or not self.shuffle or self.nbytes <= 0.5 * free

    @property
    def residence(self) -> str:
        """Where the data are, for a person."""
        text = f"{self.size} examples in memory, {human(self.nbytes)}"
        if self.fits:
            return text
        return f"{text}: gathered batch by batch, a copy in another order would not fit"

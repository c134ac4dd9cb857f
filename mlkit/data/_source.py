"""Sources: data sets whose elements can be taken by number, in any order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data._memory import bytes_of, free_memory

_SMALL = 24  # operations of a function that is traced once for each example of a chunk
_CHUNK = 1024  # elements that are read at once when a data set is taken into memory


def human(size: float) -> str:
    """A number of bytes to read: 47.0 MB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def spec_text(spec: Any) -> str:
    """An element spec to read: (uint8 (32, 32, 3), int32 ())."""
    if isinstance(spec, dict):
        return "{" + ", ".join(f"{name}: {spec_text(part)}" for name, part in spec.items()) + "}"
    if isinstance(spec, tuple):
        return "(" + ", ".join(map(spec_text, spec)) + ")"
    if isinstance(spec, tf.TensorSpec):
        return f"{spec.dtype.name} {spec.shape}"
    return str(spec)


class Indexed(tf.data.Dataset):
    """A `tf.data.Dataset` whose elements can be taken by number, in any order.

    Element i is row i of `rows`, or `load_row(row i)`. `mk.data.pipeline`, `split`, `shuffle` and
    the others use the rows; everything else sees a plain data set.

    Args:
        rows: structure of tensors (dense or ragged) with one first dimension: the data, or what
            names it, such as paths and labels. Or `range(n)`: row i is the number i, and nothing
            is stored.
        load_row: function from one row to one element, in TensorFlow operations, or None. A row
            that is a tuple arrives as several arguments, as in `Dataset.map`.
        load_rows: the same for many rows at once, if that is faster, or None.
        title: a few words for `print`.

    Example:
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> squares = mk.data.Indexed(range(5), load_row=lambda i: i * i)
        >>> [int(i) for i in squares], int(squares.element_at(3))
        ([0, 1, 4, 9, 16], 9)
    """

    def __init__(
        self,
        rows: Any,
        load_row: Callable[..., Any] | None = None,
        load_rows: Callable[..., Any] | None = None,
        title: str = "examples in memory",
    ) -> None:
        self.rows, self.load_row, self.load_rows, self.title = rows, load_row, load_rows, title
        self.classes: list[str] = []  # names of the labels, where a folder gave them
        if isinstance(rows, range):
            _check_range(rows)
        self.size = len(rows) if isinstance(rows, range) else int(first_dimension(rows))
        self._dataset = small_checkpoints(self._in_order())
        super().__init__(tf.data.experimental.to_variant(self._dataset))

    def _in_order(self) -> tf.data.Dataset:
        """The elements, one after the other."""
        return tf.data.Dataset.range(self.size).map(self.element_at, tf.data.AUTOTUNE)

    def element_at(self, index: Tensor) -> Any:
        """The element at a scalar index."""
        if isinstance(self.rows, range):
            row = tf.cast(index, tf.int64)
        else:
            row = tf.nest.map_structure(lambda t: t[index], self.rows)
        if self.load_row is not None:
            return call(self.load_row, row)
        if self.load_rows is not None:
            one = tf.nest.map_structure(lambda t: t[None], row)
            return tf.nest.map_structure(lambda t: t[0], call(self.load_rows, one))
        return row

    def take_rows(self, index: Tensor) -> Any:
        """The rows at a vector of indices, as a structure of batches."""
        if isinstance(self.rows, range):
            return tf.cast(index, tf.int64)
        return tf.nest.map_structure(lambda t: tf.gather(t, index), self.rows)

    def load_batch(self, rows: Any) -> Any:
        """The elements of some rows, both as structures of batches."""
        if self.load_rows is not None:
            return call(self.load_rows, rows)
        if self.load_row is None:
            return rows
        first = tf.nest.flatten(rows)[0]
        if first.shape[0] is None:
            row_of = self.load_row
            return tf.map_fn(
                lambda row: call(row_of, row), rows, fn_output_signature=self.element_spec
            )
        # One after the other in one graph: for small pictures a call of `Dataset.map` for each, or
        # a turn of a `tf.while_loop`, takes longer than decoding.
        parts = [_unstacked(leaf) for leaf in tf.nest.flatten(rows)]
        each = [tf.nest.pack_sequence_as(rows, list(row)) for row in zip(*parts, strict=True)]
        one = tf.function(self.load_row)
        traced = call(one.get_concrete_function, each[0])
        # A call of a function costs as much as several operations; what is small is written out.
        load = self.load_row if len(traced.graph.get_operations()) <= _SMALL else one
        loaded = [call(load, row) for row in each]
        return tf.nest.map_structure(lambda *values: tf.stack(values), *loaded)

    def select(self, index: Any) -> "Indexed":
        """The source that consists of these rows, in this order."""
        chosen = Indexed(self.take_rows(index), self.load_row, self.load_rows, self.title)
        chosen.classes = self.classes
        return chosen

    @property
    def resident(self) -> bool:
        """Whether the rows are the elements themselves."""
        return self.load_row is None and self.load_rows is None

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the rows take."""
        return 0 if isinstance(self.rows, range) else bytes_of(self.rows)

    def _inputs(self) -> list[tf.data.Dataset]:
        # The hook through which tf.data asks every data set for what it is made of.
        return [self._dataset]

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def __repr__(self) -> str:
        return f"{self.size} {self.title}, {human(self.nbytes)}: {spec_text(self.element_spec)}"

    __str__ = __repr__


def _check_range(rows: range) -> None:
    if rows.start or rows.step != 1:
        raise ValueError(f"`rows` must be a range from 0 in steps of 1. Received: rows={rows}")


def _unstacked(leaf: Any) -> list[Any]:
    if isinstance(leaf, tf.RaggedTensor):
        return [leaf[i] for i in range(leaf.shape[0])]
    return tf.unstack(leaf)


def small_checkpoints(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Let iterators save positions instead of the elements in their buffers.

    Right for a chain of stateless stages, and only used for those: a batch of pictures waiting in
    `prefetch` is computed again after a restore, and a checkpoint has hundreds of bytes.
    """
    options = tf.data.Options()
    options.experimental_symbolic_checkpoint = True
    return dataset.with_options(options)


def call(function: Callable[..., Any], element: Any) -> Any:
    """Call as `Dataset.map` does: a tuple is spread over the arguments."""
    return function(*element) if type(element) is tuple else function(element)


def first_dimension(rows: Any) -> int:
    """The one first dimension of a structure of tensors.

    Raises:
        ValueError: there is no tensor, a scalar, or the lengths differ.
    """
    leaves = tf.nest.flatten(rows)
    if not leaves:
        raise ValueError(f"`source` must hold at least one array. Received: source={rows!r}")
    if any(leaf.shape.rank == 0 for leaf in leaves):
        raise ValueError("`source` must hold arrays with a first dimension: one is a scalar.")
    lengths = [int(t.nrows()) if isinstance(t, tf.RaggedTensor) else t.shape[0] for t in leaves]
    if len(set(lengths)) > 1:
        raise ValueError(
            "The arrays of `source` must have the same number of examples. "
            f"Received lengths: {lengths}"
        )
    return lengths[0]


def as_tensor(value: Any) -> Tensor:
    """An array-like as a tensor; nested lists of different lengths become ragged."""
    if isinstance(value, tf.Tensor | tf.RaggedTensor):
        return value
    if isinstance(value, tf.SparseTensor):
        return tf.sparse.to_dense(value)
    if isinstance(value, list) and value and isinstance(value[0], list | np.ndarray):
        if len({np.shape(item) for item in value}) > 1:
            dtype = np.result_type(*[np.asarray(item) for item in value if len(item)])
            return tf.ragged.stack([np.asarray(item, dtype) for item in value])
    array = np.asarray(value)
    if array.dtype == np.float64 and not hasattr(value, "dtype"):
        array = array.astype(np.float32)  # Python numbers, as TensorFlow takes them
    if array.dtype == object:
        array = np.asarray(["" if item is None else item for item in array.ravel().tolist()])
        array = array.reshape(np.shape(value))
    # Strings of pandas and numpy arrive as unicode; a datetime has no type in TensorFlow.
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]").astype(np.int64)
    return tf.convert_to_tensor(array)


def as_source(source: Any) -> Indexed:
    """What a function of this package takes as a source, as rows that can be taken by number.

    Raises:
        ValueError: the source is empty, endless, or its arrays have different lengths.
        MemoryError: a data set that is not indexed would not fit into memory.
    """
    if isinstance(source, Indexed):
        return source
    if isinstance(source, tf.data.Dataset):
        return Indexed(_read(source))
    if hasattr(source, "columns") and hasattr(source, "to_dict"):  # a pandas DataFrame
        source = {str(name): source[name].to_numpy() for name in source.columns}
    return Indexed(_tensors(source))


def fits_decoded(source: Indexed) -> bool:
    """Whether all elements of a source that loads would take at most a quarter of free memory."""
    specs, free = tf.nest.flatten(source.element_spec), free_memory()
    known = all(
        isinstance(s, tf.TensorSpec) and s.shape.is_fully_defined() and s.dtype != tf.string
        for s in specs
    )
    if not known or free is None:
        return False
    return source.size * sum(s.shape.num_elements() * s.dtype.size for s in specs) <= 0.25 * free


def kept(source: Indexed) -> Indexed:
    """The source with its elements as rows."""
    what = source.title.partition(",")[0]  # not where it lay before
    made = Indexed(_read(source), title=f"{what}, decoded once and kept")
    made.classes = source.classes
    return made


def as_resident(source: Any) -> Indexed:
    """As `as_source`, with the elements themselves as rows: those that are loaded are read once."""
    indexed = as_source(source)
    return indexed if indexed.resident else Indexed(_read(indexed))


def ragged_leaves(rows: Any) -> list[tf.RaggedTensor]:
    """The components that differ in length.

    Raises:
        ValueError: there is none.
    """
    found = [leaf for leaf in tf.nest.flatten(rows) if isinstance(leaf, tf.RaggedTensor)]
    if not found:
        raise ValueError(
            "`source` must hold sequences of different lengths: a RaggedTensor, a list of lists, "
            "or a data set whose elements have an unknown length. All components are dense."
        )
    return found


def _tensors(source: Any) -> Any:
    """Tuples and dicts are structure, everything else is an array."""
    if isinstance(source, dict):
        return {key: _tensors(value) for key, value in source.items()}
    if isinstance(source, tuple):
        return tuple(_tensors(value) for value in source)
    return as_tensor(source)


def _read(dataset: tf.data.Dataset) -> Any:
    """All elements of a finite data set, stacked; of different shapes: ragged."""
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`source` repeats for ever, so it has no epochs. Hand over the data set as it is "
            "before `.repeat()`."
        )
    free, used, chunks = free_memory(), 0, []
    for chunk in dataset.ragged_batch(_CHUNK) if _varies(dataset) else dataset.batch(_CHUNK):
        chunks.append(chunk)
        used += bytes_of(chunk)
        if free is not None and used > 0.6 * free:
            raise MemoryError(
                f"`source` does not fit into memory: {human(used)} read, {human(free)} were free. "
                "Keep it encoded (`mk.data.write_records` with `encode`, or `mk.data.read_images`) "
                "or make a stream: `dataset.shuffle(buffer_size, seed=0).repeat().batch(...)`."
            )
    if not chunks:
        raise ValueError("`source` is empty: the data set yields no element.")
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *chunks)


def _varies(dataset: tf.data.Dataset) -> bool:
    """Whether elements may differ in shape."""
    specs = tf.nest.flatten(dataset.element_spec)
    return any(isinstance(s, tf.TensorSpec) and not s.shape.is_fully_defined() for s in specs)

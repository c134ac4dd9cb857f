"""Records that stay on the disk, read by number through the index beside each file."""

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data import _schema
from mlkit.data._frames import index_of
from mlkit.data._source import Indexed, small_checkpoints

_BLOCK = 16  # records of a file that are read at once when all are read in order
_SHOWN = 5
_BYTES = tf.TensorSpec([], tf.string)


class StoredRecords(Indexed):
    """The records of a directory, in any order, with nothing of them in memory.

    Args:
        files: the shards; record i is number i // shards of file i modulo shards.
        schema: of the directory.
    """

    def __init__(self, files: list[Path], schema: dict[str, Any]) -> None:
        self.count = sum(schema["records"])
        used = min(len(files), self.count)
        self._names = tf.constant([str(file) for file in files[:used]])
        self._patterns = tf.constant([_escaped(str(file)) for file in files[:used]])
        self._indices = tf.constant([str(index_of(file)) for file in files[:used]])
        self._counts = tf.constant(schema["records"][:used], tf.int64)
        self._parse = _schema.parser(schema, one=True)
        title = f"records of {files[0].parent.name} on disk"
        super().__init__(range(self.count), load_row=self._read_example, title=title)

    def without_damage(self) -> tf.data.Dataset:
        """The records in order without the damaged ones; at the end their number is printed."""
        end = tf.data.Dataset.from_tensors((tf.constant(self.count, tf.int64), b""))
        items = self._blocks(self._try_read).concatenate(end)
        noted = items.scan((tf.constant(0, tf.int64), tf.constant("")), self._note)
        whole = noted.filter(lambda data: data != b"")
        return small_checkpoints(whole.map(self._parse, tf.data.AUTOTUNE, deterministic=True))

    def _in_order(self) -> tf.data.Dataset:
        whole = self._blocks(self._read)
        whole = whole.apply(tf.data.experimental.assert_cardinality(self.count))
        return whole.map(lambda _, data: self._parse(data), tf.data.AUTOTUNE, deterministic=True)

    def _read_example(self, number: Tensor) -> Any:
        return self._parse(self._read(number))

    # One record.

    def _offset(self, shard: Tensor, place: Tensor) -> Tensor:
        """Where record `place` of a file begins: 8 bytes of its index."""
        before = 8 * place
        found = tf.raw_ops.FixedLengthRecordDatasetV2(
            filenames=self._indices[shard],
            header_bytes=before,
            record_bytes=tf.constant(8, tf.int64),
            footer_bytes=8 * self._counts[shard] - before - 8,
            buffer_size=tf.constant(0, tf.int64),
            compression_type="",
        )
        data = tf.data.experimental.from_variant(found, _BYTES).get_single_element()
        return tf.io.decode_raw(data, tf.int64)[0]

    def _from(self, shard: Tensor, place: Tensor) -> tf.data.Dataset:
        """The records of a file from `place` on."""
        found = tf.raw_ops.TFRecordDatasetV2(
            filenames=self._names[shard][None],
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),
            byte_offsets=self._offset(shard, place)[None],
        )
        return tf.data.experimental.from_variant(found, _BYTES)

    def _position(self, number: Tensor) -> tuple[Tensor, Tensor]:
        shards = self._names.shape[0]
        return number % shards, number // shards

    def _is_there(self, shard: Tensor) -> Tensor:
        """Whether a file exists: `ignore_errors` would try to open it for ever."""
        return tf.size(tf.io.matching_files(self._patterns[shard]), tf.int64) > 0

    def _try_read(self, number: Tensor) -> Tensor:
        """The bytes of a record, "" if they are damaged. (No example is as short as that.)"""
        shard, place = self._position(number)
        count = tf.cast(self._is_there(shard), tf.int64)
        one = self._from(shard, place).take(count).ignore_errors()
        return one.concatenate(tf.data.Dataset.from_tensors("")).take(1).get_single_element()

    def _read(self, number: Tensor) -> Tensor:
        data = self._try_read(number)
        # TensorFlow's own error does not name the file.
        with tf.control_dependencies([tf.debugging.Assert(data != b"", [self._place(number)])]):
            return tf.identity(data)

    def _place(self, number: Tensor) -> Tensor:
        shard, place = self._position(number)
        offset = tf.strings.as_string(self._offset(shard, place))
        return tf.strings.join([self._names[shard], ", byte ", offset, ": a damaged record"])

    # All records in order.

    def _blocks(self, read: Any) -> tf.data.Dataset:
        """(number, bytes) of all records: read in blocks, one by one only where one is damaged."""
        most = -(-self.count // self._names.shape[0])
        blocks = tf.data.Dataset.range(-(-most // _BLOCK))
        return blocks.flat_map(lambda block: self._block(block, read))

    def _block(self, block: Tensor, read: Any) -> tf.data.Dataset:
        shards = self._names.shape[0]
        first = block * _BLOCK
        numbers = tf.range(first * shards, tf.minimum((first + _BLOCK) * shards, self.count))

        def part(shard: Tensor) -> tf.data.Dataset:
            left = self._counts[shard] - first
            # A file with one record fewer may have none in the last block.
            start = tf.minimum(first, self._counts[shard] - 1)
            left = tf.where(self._is_there(shard), left, 0)
            return self._from(shard, start).take(tf.clip_by_value(left, 0, _BLOCK))

        together = tf.data.Dataset.range(shards).interleave(part, shards, block_length=1)
        quick = together.ignore_errors().batch(_BLOCK * shards)
        nothing = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
        data = quick.concatenate(nothing).take(1).get_single_element()
        data = tf.cond(
            tf.equal(tf.size(data), tf.size(numbers)),
            lambda: data,
            lambda: tf.map_fn(read, numbers, fn_output_signature=_BYTES),
        )
        return tf.data.Dataset.from_tensor_slices((numbers, tf.ensure_shape(data, [None])))

    def _note(self, state: tuple[Tensor, Tensor], item: tuple[Tensor, Tensor]) -> Any:
        """Count the damaged records and keep the first places; print them at the end."""
        (count, places), (number, data) = state, item
        bad = tf.logical_and(number < self.count, data == b"")
        count += tf.cast(bad, tf.int64)
        places = tf.cond(
            tf.logical_and(bad, count <= _SHOWN),
            lambda: tf.strings.join([places, "\n- ", self._place(number)]),
            lambda: places,
        )
        told = tf.cond(
            tf.logical_and(tf.equal(number, self.count), count > 0),
            lambda: _tell(count, self.count, places),
            lambda: False,
        )
        with tf.control_dependencies([told]):
            return (count, places), tf.identity(data)


def _escaped(path: str) -> str:
    """A path as a pattern that matches nothing else."""
    return "".join(f"\\{c}" if c in "*?[]\\" else c for c in path)


def _tell(count: Tensor, total: int, places: Tensor) -> Tensor:
    rest = tf.cond(
        count > _SHOWN,
        lambda: tf.strings.join(["\n- and ", tf.strings.as_string(count - _SHOWN), " more"]),
        lambda: tf.constant(""),
    )
    text = ["Skipped ", tf.strings.as_string(count), f" of {total} records:", places, rest]
    with tf.control_dependencies([tf.print(tf.strings.join(text), output_stream=sys.stderr)]):
        return tf.constant(True)

"""Records: examples in sharded TFRecord files that know their own schema."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_bool, check_integer
from mlkit.data import _schema
from mlkit.data._errors import check_on_error, report
from mlkit.data._frames import read_file, shard_name, walk
from mlkit.data._memory import free_memory
from mlkit.data._source import Indexed, as_source

_NAME = "records"


def write_records(
    source: Any,
    path: str | os.PathLike[str],
    *,
    shards: int = 8,
    encode: dict[str, str] | None = None,
    overwrite: bool = False,
) -> int:
    """Write examples to sharded TFRecord files with their schema.

    The schema (nesting, dtypes, shapes) is taken from the elements and stored beside the files, so
    that `mk.data.read_records` needs no parser. The directory appears only when all of it is on
    the disk: a crash leaves nothing that could be taken for a data set.

    Args:
        source: as for `mk.data.pipeline`, or a `tf.data.Dataset` of any size, read in a stream.
        path: directory to make.
        shards: number of files, ≥ 1; example i goes to file i modulo `shards`.
        encode: components to compress, such as `{"image": "png"}` (uint8 or uint16); components
            of a tuple are named "0", "1", …, nested ones "outer/inner". None: nothing.
        overwrite: replace a directory of records that is already there.

    Returns:
        int, the number of examples written.

    Raises:
        ValueError: the directory exists, a component is not a dense tensor, or there is no example.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import mlkit as mk
        >>> path = tempfile.mkdtemp() + "/toy"
        >>> mk.data.write_records({"x": np.zeros((5, 3)), "y": np.arange(5)}, path, shards=2)
        5
        >>> [int(e["y"]) for e in mk.data.read_records(path)]
        [0, 1, 2, 3, 4]
    """
    check_integer("shards", shards, low=1)
    check_bool("overwrite", overwrite)
    target = Path(path)
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists. Pass overwrite=True, or another `path`.")
    dataset = source if isinstance(source, tf.data.Dataset) else as_source(source)
    schema = _schema.describe(dataset.element_spec, encode or {})
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        counts = _write(dataset, schema, beside, shards)
        if not sum(counts):
            raise ValueError("`source` is empty: there is no example to write.")
        schema["records"] = counts
        _write_text(beside / _schema.FILE, _schema.dump(schema))
        _publish(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sum(counts)


def _write(dataset: tf.data.Dataset, schema: dict[str, Any], path: Path, shards: int) -> list[int]:
    files = [path / shard_name(_NAME, i, shards) for i in range(shards)]
    writers = [tf.io.TFRecordWriter(str(file)) for file in files]
    counts = [0] * shards
    for i, element in enumerate(dataset.as_numpy_iterator()):
        leaves: list[Any] = []
        _flatten(element, leaves)
        writers[i % shards].write(_schema.encode(leaves, schema))
        counts[i % shards] += 1
    for writer, file in zip(writers, files, strict=True):
        writer.close()
        _sync(file)
    return counts


def _flatten(element: Any, leaves: list[Any]) -> None:
    """Leaves in the order of the schema: that of insertion, where tf.nest sorts the keys."""
    if isinstance(element, dict):
        for value in element.values():
            _flatten(value, leaves)
    elif isinstance(element, tuple):
        for value in element:
            _flatten(value, leaves)
    else:
        leaves.append(element)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)
    _sync(path)


def _publish(beside: Path, target: Path) -> None:
    """Rename; an old directory goes only when the new one is in its place."""
    _sync(beside)
    beside.chmod(0o755)
    old = None
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(old / "was")
    beside.rename(target)
    _sync(target.parent)
    if old is not None:
        shutil.rmtree(old)


def read_records(
    path: str | os.PathLike[str], *, on_error: str = "raise", resident: bool | None = None
) -> tf.data.Dataset:
    """Read what `mk.data.write_records` wrote, in the order in which it was written.

    Resident: the encoded bytes are kept in memory and verified once, every example can be taken by
    number, and `mk.data.pipeline` shuffles globally. Not resident: a stream from the files.

    Args:
        path: directory of records.
        on_error: `"raise"`: damaged records raise, with file and byte. `"skip"`: go on without
            them, and warn with their number and places. Resident only; of a stream the heads of
            the records are checked at once, and their bytes when they are read.
        resident: keep the encoded bytes in memory. None: if they take at most half of what is free.

    Returns:
        A `tf.data.Dataset` of the elements.

    Raises:
        ValueError: no records there, or (with `on_error="raise"`) damaged ones.

    Example:
        >>> import tempfile
        >>> import mlkit as mk
        >>> path = tempfile.mkdtemp() + "/toy"
        >>> mk.data.write_records((["a", "b"], [0.5, 1.5]), path)
        2
        >>> mk.data.read_records(path).element_spec[1].dtype
        tf.float32
    """
    check_on_error(on_error)
    directory = Path(path)
    schema = _schema.load(directory)
    counts = schema["records"]
    files = [directory / shard_name(_NAME, i, len(counts)) for i in range(len(counts))]
    if resident is None:
        size, free = sum(f.stat().st_size for f in files if f.exists()), free_memory()
        resident = free is not None and size <= 0.5 * free
    return _resident(files, schema, on_error) if resident else _stream(files, schema, on_error)


def _resident(files: list[Path], schema: dict[str, Any], on_error: str) -> Indexed:
    shards, damages = [], []
    for file, count in zip(files, schema["records"], strict=True):
        records, bad = read_file(file, count)
        shards.append(records)
        damages += bad
    report(damages, sum(schema["records"]), "records", on_error)
    rows = [shard[i] for i in range(max(map(len, shards))) for shard in shards if i < len(shard)]
    if not rows:
        raise ValueError(f"No record in {files[0].parent} can be read.")
    whole = all(_schema.fixed(f) and "encoding" not in f for f in schema["fields"])
    source = Indexed(
        tf.constant(rows),
        load_row=None if whole else _schema.parser(schema, one=True),
        load_rows=_schema.parser(schema, one=False) if whole else None,
        title=f"records of {files[0].parent.name} in memory",
    )
    return source


def _stream(files: list[Path], schema: dict[str, Any], on_error: str) -> tf.data.Dataset:
    if on_error == "skip":
        raise ValueError(
            'on_error="skip" needs the records in memory, where each is verified once: pass '
            "resident=True. A stream cannot count what it leaves out before it has ended."
        )
    counts = schema["records"]
    damages = [d for file, n in zip(files, counts, strict=True) for d in walk(file, n)]
    report(damages, len(files), "files", on_error)
    names = [str(file) for file in files]
    dataset = tf.data.Dataset.from_tensor_slices(names).interleave(
        tf.data.TFRecordDataset, cycle_length=len(names), block_length=1
    )
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(sum(counts)))
    return dataset.map(_schema.parser(schema, one=True), tf.data.AUTOTUNE, deterministic=True)

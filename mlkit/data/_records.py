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
from mlkit.data._frames import FRAME, checksum, index_of, read_file, shard_name, walk
from mlkit.data._memory import free_memory
from mlkit.data._source import Indexed, as_source
from mlkit.data._stored_records import StoredRecords

_NAME = "records"
_BATCH = 8192  # records that are parsed at once


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
        _write_text(beside / _schema.FILE, _schema.dump(schema))
        _publish(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sum(counts)


def _write(dataset: tf.data.Dataset, schema: dict[str, Any], path: Path, shards: int) -> list[int]:
    """Write shards and their indices, and note in the schema what they must be."""
    files = [path / shard_name(_NAME, i, shards) for i in range(shards)]
    writers = [tf.io.TFRecordWriter(str(file)) for file in files]
    indices = [index_of(file).open("wb") for file in files]
    counts, sizes = [0] * shards, [0] * shards
    try:
        for i, element in enumerate(dataset.as_numpy_iterator()):
            shard = i % shards
            data = _schema.encode(_schema.disassemble(schema["structure"], element), schema)
            writers[shard].write(data)
            indices[shard].write(sizes[shard].to_bytes(8, "little"))
            counts[shard] += 1
            sizes[shard] += FRAME + len(data)
    finally:
        for closing in (*writers, *indices):
            closing.close()
    for file in files:
        _sync(file)
        _sync(index_of(file))
    schema["records"], schema["bytes"] = counts, sizes
    schema["index"] = [checksum(index_of(file)) for file in files]
    return counts


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

    Every example can be taken by number, so `mk.data.pipeline` shuffles globally, whatever the
    size. Resident: the records are verified once and kept in memory, pictures encoded. Not
    resident: nothing is kept but the names of the files; each record is found by the index beside
    its file, read when it is needed, and verified then.

    Args:
        path: directory of records.
        on_error: `"raise"`: damaged records raise, with file and byte. `"skip"`: go on without
            them, and say their number and places: resident as a warning at once, else on the
            standard error at the end of each pass. Not resident, what is left is a stream: how
            many examples it has is known only at its end.
        resident: keep the records in memory. None: if they take at most half of what is free.

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
    return _resident(files, schema, on_error) if resident else _stored(files, schema, on_error)


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
    title = f"records of {files[0].parent.name} in memory"
    if not all(_schema.fixed(field) for field in schema["fields"]):
        return Indexed(tf.constant(rows), load_row=_schema.parser(schema, one=True), title=title)
    # Parsed once, in batches: what is left to do for each example are its pictures.
    parse = _schema.parser(schema, one=False)
    parts = [parse(tf.constant(rows[i : i + _BATCH])) for i in range(0, len(rows), _BATCH)]
    columns = tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *parts)
    return Indexed(columns, load_row=_schema.pictures(schema), title=title)


def _stored(files: list[Path], schema: dict[str, Any], on_error: str) -> tf.data.Dataset:
    damages = []
    for i, file in enumerate(files):
        index = index_of(file)
        if not index.exists() or checksum(index) != schema["index"][i]:
            raise ValueError(
                f"{index} is damaged or gone, and without it no record on the disk is found by "
                "number. resident=True does not need it."
            )
        if not file.exists() or file.stat().st_size != schema["bytes"][i]:
            damages += walk(file, schema["records"][i])
    if on_error == "raise":
        report(damages, len(files), "files", on_error)
    stored = StoredRecords(files, schema)
    return stored.without_damage() if on_error == "skip" else stored

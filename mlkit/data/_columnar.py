"""Parquet and array_record, through the readers of others."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._core.optional import require
from mlkit.data._errors import check_on_error, report
from mlkit.data._frames import Damage
from mlkit.data._source import Indexed, as_source


def read_parquet(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    on_error: str = "raise",
) -> Indexed:
    """Read a Parquet file or a directory of them.

    Pages that were written with checksums are verified (`write_page_checksum=True` of pyarrow);
    without them a changed value cannot be told from a good one.

    Args:
        path: file or directory.
        columns: columns to read. None: all.
        on_error: `"raise"`: files that cannot be read raise, all named. `"skip"`: go on without
            them, and warn with their number and names.

    Returns:
        A source of dicts.

    Raises:
        ImportError: pandas, or what it reads Parquet with (pyarrow), is not installed.
        ValueError: a file cannot be read (with `on_error="raise"`), none can, or no rows.

    Example:
        >>> import mlkit as mk
        >>> try:
        ...     mk.data.read_parquet("missing.parquet")
        ... except ValueError as error:
        ...     print(error)
        No file or directory missing.parquet
    """
    check_on_error(on_error)
    place = Path(path)
    if not place.exists():
        raise ValueError(f"No file or directory {path}")
    pandas = require("pandas", extra="test", purpose="read_parquet")
    require("pyarrow", extra="test", purpose="read_parquet")
    wanted = None if columns is None else list(columns)

    def read(what: Any) -> Any:
        return pandas.read_parquet(what, columns=wanted, page_checksum_verification=True)

    try:
        frame = read(place)
    except (OSError, ValueError, KeyError) as error:
        good = _good_files(place, read, on_error)
        if good is None:  # each of them can be read: they do not fit together
            raise ValueError(f"{path} cannot be read as Parquet: {error}") from None
        frame = read([str(file) for file in good])
    if not len(frame):
        raise ValueError(f"{path} has no rows.")
    return as_source(frame)


def _good_files(place: Path, read: Any, on_error: str) -> list[Path] | None:
    """The files that can be read, the others reported; None if there are no others."""
    files = sorted(f for f in place.rglob("*.parquet")) if place.is_dir() else [place]
    good, damages = [], []
    for file in files:
        try:
            read(file)
        except (OSError, ValueError, KeyError) as error:
            reason = f"cannot be read as Parquet ({str(error).splitlines()[0]})"
            damages.append(Damage(str(file), file.stat().st_size, reason))
        else:
            good.append(file)
    report(damages, len(files), "Parquet files", on_error)
    if damages and not good:
        raise ValueError(f"No Parquet file in {place} can be read.")
    return good if damages else None


def read_array_record(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, on_error: str = "raise"
) -> Indexed:
    """Read the records of array_record files, through the reader of grain.

    Args:
        paths: file, or files in their order.
        on_error: `"raise"`: damaged records raise, with file and number. `"skip"`: go on without
            them, and warn with their number and places; a file that cannot be opened is one.

    Returns:
        A source of strings, one for each record; decode them with `map=` of `mk.data.pipeline`.

    Raises:
        ImportError: array_record is not installed.
        ValueError: a file that is not there or damaged, or no records.

    Example:
        >>> import mlkit as mk
        >>> try:
        ...     mk.data.read_array_record("missing.array_record")
        ... except ValueError as error:
        ...     print(error)
        No file missing.array_record
    """
    check_on_error(on_error)
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    for file in files:
        if not Path(file).is_file():
            raise ValueError(f"No file {file}")
    module = require(
        "array_record.python.array_record_data_source",
        extra="test",
        purpose="read_array_record",
    )
    records: list[bytes] = []
    damages: list[str] = []
    for file in files:
        found, bad = _records_of(module, str(file))
        records += found
        damages += bad
    report(damages, len(records) + len(damages), "array records", on_error)
    if not records:
        raise ValueError(f"No records in {files}.")
    return Indexed(tf.constant(records), title="array records in memory")


def _records_of(module: Any, file: str) -> tuple[list[bytes], list[str]]:
    """(records, damages) of a file: one by one only where not all can be read at once."""
    records, damages = [], []
    try:
        with module.ArrayRecordDataSource([file]) as source:
            numbers = list(range(len(source)))
            whole = _get(source, numbers)
            if isinstance(whole, list):
                return whole, []
            for number in numbers:
                one = _get(source, [number])
                if isinstance(one, list):
                    records += one
                else:
                    damages.append(f"{file}, record {number}: {one}")
    except (RuntimeError, OSError, ValueError) as error:
        return [], [f"{file}: cannot be read as array_record ({_first_line(error)})"]
    return records, damages


def _get(source: Any, numbers: list[int]) -> list[bytes] | str:
    """The records, or why they cannot be read."""
    try:
        return list(source.__getitems__(numbers))
    except (RuntimeError, OSError, ValueError) as error:
        return _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]

"""Tables: CSV."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_choice
from mlkit.data._errors import check_on_error, report
from mlkit.data._frames import Damage
from mlkit.data._source import Indexed, as_source

_KINDS = ("int64", "float32", "string")
_MISSING = {"", "na", "n/a", "nan", "null", "none"}


def read_csv(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    types: dict[str, str] | None = None,
    label: str | None = None,
    delimiter: str = ",",
    on_error: str = "raise",
) -> Indexed:
    """Read a CSV file with a header into columns with types.

    A column is int64 if all its values are whole numbers, float32 if all are numbers or missing
    (then NaN), else string. Rows with another number of fields than the header, or with a value
    that does not fit a type that was asked for, are errors that name the line.

    Args:
        path: file, UTF-8.
        columns: columns to keep, in this order. None: all.
        types: `"int64"`, `"float32"` or `"string"` for columns whose type is not to be inferred.
        label: column to give beside the others, as (columns, label). None: a dict of all.
        delimiter: character between fields.
        on_error: `"raise"`, or `"skip"`: go on without damaged rows, and warn with their number.

    Returns:
        A source of dicts, or of (dict, label).

    Raises:
        ValueError: no rows, a column that is not there, or (with `on_error="raise"`) damaged rows.

    Example:
        >>> import pathlib, tempfile
        >>> import mlkit as mk
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
        >>> _ = path.write_text("size,name,kind\\n1.5,x,0\\n,y,1\\n")
        >>> source = mk.data.read_csv(path, label="kind")
        >>> source.rows[0]["size"].numpy().tolist(), source.rows[1].dtype
        ([1.5, nan], tf.int64)
    """
    check_on_error(on_error)
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"`path` must be a file. Received: {file}")
    header, lines, rows, damages = _parse(file, delimiter)
    wanted = list(header if columns is None else columns)
    if label is not None and label not in wanted:
        wanted.append(label)
    types = types or {}
    for name in [*wanted, *types]:
        if name not in header:
            raise ValueError(f"{file} has no column {name!r}. Its header: {header}")
    for kind in types.values():
        check_choice("types", kind, _KINDS)
    places = {name: header.index(name) for name in wanted}
    bad = {
        i: Damage(str(file), lines[i], reason)
        for name, kind in types.items()
        for i, reason in _misfits(name, kind, [row[header.index(name)] for row in rows])
    }
    # Damage counts bytes elsewhere; in a table a line is what an editor can go to.
    damages = [*damages, *(bad[i] for i in sorted(bad))]
    report([_line(d) for d in damages], len(rows) + len(damages) - len(bad), "rows", on_error)
    rows = [row for i, row in enumerate(rows) if i not in bad]
    if not rows:
        raise ValueError(f"{file} has no rows below its header.")
    table = {n: _convert([row[p] for row in rows], types.get(n)) for n, p in places.items()}
    features = {name: values for name, values in table.items() if name != label}
    source: Any = features if label is None else (features, table[label])
    made = as_source(source)
    made.title = f"rows of {file.name}"
    return made


def _line(damage: Damage) -> str:
    return f"{damage.file}, line {damage.offset}: {damage.reason}"


def _parse(
    file: Path, delimiter: str
) -> tuple[list[str], list[int], list[list[str]], list[Damage]]:
    """(header, number of the line of each row, rows, damages)."""
    lines: list[int] = []
    rows: list[list[str]] = []
    damages: list[Damage] = []
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}, byte {error.start}: not UTF-8.") from None
    if "\0" in text:
        raise ValueError(f"{file}, character {text.index(chr(0))}: a zero byte, not a text file.")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            damages.append(Damage(str(file), reader.line_num, str(error)))
            continue
        if not header:
            header = [name.strip() for name in row]
            if len(set(header)) < len(header) or not all(header):
                raise ValueError(f"{file}: the header must name each column, once: {header}")
        elif row and len(row) != len(header):
            reason = f"{len(row)} fields, the header has {len(header)}"
            damages.append(Damage(str(file), reader.line_num, reason))
        elif row:
            lines.append(reader.line_num)
            rows.append(row)
    if not header:
        raise ValueError(f"{file} is empty.")
    return header, lines, rows, damages


def _number(text: str) -> float | None:
    """The number in a field; NaN where it is missing; None where it is something else."""
    try:
        return float(text) if text.strip().lower() not in _MISSING else float("nan")
    except ValueError:
        return None


def _whole(text: str) -> bool:
    text = text.strip().lstrip("+-")
    return text.isascii() and text.isdigit() and len(text) < 19


def _misfits(name: str, kind: str, values: list[str]) -> list[tuple[int, str]]:
    if kind == "string":
        return []
    fits = _whole if kind == "int64" else lambda text: _number(text) is not None
    return [
        (i, f"{name} is {value!r}, not {kind}") for i, value in enumerate(values) if not fits(value)
    ]


def _convert(values: list[str], kind: str | None) -> Any:
    if kind is None:
        if all(_whole(v) for v in values):
            kind = "int64"
        else:
            numbers = [_number(v) for v in values]
            some = any(n is not None and n == n for n in numbers)
            kind = "float32" if some and None not in numbers else "string"
    if kind == "int64":
        return np.asarray([int(v) for v in values], np.int64)
    if kind == "float32":
        return np.asarray([_number(v) for v in values], np.float32)
    return tf.constant(values)

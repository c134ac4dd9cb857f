"""Where numbers by step go: one method to write, one to close."""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

# Events are written by tf.summary: Keras has no writer of its own.
import tensorflow as tf


class Sink(Protocol):
    """What a logger writes to."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of one step."""

    def close(self) -> None:
        """Called when training ends; more may be written afterwards."""


class _Lines:
    """A line of JSON a step. Lines of later steps, of a run that is resumed, are cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._looked = False

    def _cut(self, step: int) -> None:
        if not self._looked and self.path.exists():
            lines = self.path.read_text("utf-8").splitlines()
            kept = [line for line in lines if self._step(line) < step]
            self.path.write_text("".join(f"{line}\n" for line in kept), "utf-8")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._looked = True

    def _step(self, line: str) -> int:
        return json.loads(line)["step"]

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._cut(step)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")

    def close(self) -> None:
        self._looked = False


class _Table(_Lines):
    """A row of a table a step; the first row names the columns, and later rows have the same."""

    def _step(self, line: str) -> int:
        first = line.partition(",")[0]
        return int(first) if first.isdigit() else -1

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._cut(step)
        names = ["step", *values]
        head: list[str] = []
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                head = next(csv.reader(file), [])
        unknown = [name for name in names if head and name not in head]
        if unknown:
            raise ValueError(
                f"{self.path} has the columns {head}, and {unknown} came later. Write to a file "
                "that ends in .jsonl: its lines need not be alike."
            )
        with self.path.open("a", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, head or names, lineterminator="\n")
            if not head:
                table.writeheader()
            table.writerow({"step": step, **values})


class _Events:
    """Scalars for TensorBoard."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Any = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.path))
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def sink_for(where: Any) -> Sink | None:
    """The sink of an argument `to`: a path, an object with `write` and `close`, or None.

    Raises:
        TypeError: it is none of these.
    """
    if where is None or (hasattr(where, "write") and hasattr(where, "close")):
        return where
    if not isinstance(where, (str, os.PathLike)):
        raise TypeError(
            "`to` must be a path ending in .csv or .jsonl, a directory for TensorBoard, or an "
            f"object with write(step, values) and close(). Received: to={where!r}"
        )
    path = Path(where)
    kinds: dict[str, Any] = {".csv": _Table, ".jsonl": _Lines}
    return kinds.get(path.suffix, _Events)(path)

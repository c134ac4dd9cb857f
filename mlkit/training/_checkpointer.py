"""Checkpoints in a directory: saved whole, verified before use, kept by a rule."""

import os
import re
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlkit._core.checks import check_choice, check_integer
from mlkit._state import arrays, files, manifest

_FOLDER = re.compile(r"checkpoint-(\d{10})")


@dataclass(frozen=True)
class _Saved:
    """A checkpoint on disk, verified: its folder, its update, its facts and its values by key."""

    folder: Path
    update: int
    facts: dict[str, Any]
    values: dict[str, np.ndarray]


class Checkpointer:
    """Saves variables into a directory, whole or not at all, and checks them.

    Each checkpoint is a directory of its own: written beside, synced to the disk, renamed; with a
    manifest of the sizes and SHA-256 checksums of its files and the path, shape and type of every
    variable. Loading scans the newest first, verifies, and falls back to the newest good one with
    a warning that names the bad one and what is wrong with it. Nothing is unpickled.

    Args:
        path: directory of the checkpoints; made if it is not there.
        keep: number of the newest checkpoints that are kept, ≥ 1. Default 3.
        keep_best: name of a value given to `save(metrics=...)` by which one more is kept, the best.
            Default: none.
        mode: `"min"` or `"max"`: which value of `keep_best` is the best. Default `"min"`.
        keep_every: checkpoints of multiples of this many updates are kept for good. Default: none.
        background: whether `save` returns once it has a snapshot, and a thread writes it. An error
            of the thread is raised by the next `save` or by `wait`. Default False.

    Raises:
        ValueError: an argument is out of range.
        OSError: the directory cannot be made.

    Example:
        >>> import tempfile
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, 2.0])
        >>> checkpoints = mk.training.Checkpointer(tempfile.mkdtemp())
        >>> checkpoints.save(100, {"w": w}, facts={"epoch": 3})
        >>> w.assign([0.0, 0.0]) is None
        False
        >>> checkpoints.restore({"w": w})["epoch"]
        3
        >>> w.numpy().tolist()
        [1.0, 2.0]
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        keep: int = 3,
        keep_best: str | None = None,
        mode: str = "min",
        keep_every: int | None = None,
        background: bool = False,
    ) -> None:
        check_integer("keep", keep, low=1)
        check_choice("mode", mode, ("min", "max"))
        if keep_every is not None:
            check_integer("keep_every", keep_every, low=1)
        self.path = Path(path)
        self.keep, self.keep_best, self.mode = keep, keep_best, mode
        self.keep_every, self.background = keep_every, background
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.path.mkdir(parents=True, exist_ok=True)
        files.remove_leftovers(self.path)

    def folders(self) -> list[tuple[int, Path]]:
        """The checkpoints that are there, `(update, folder)`, the oldest first; not verified."""
        matches = ((_FOLDER.fullmatch(p.name), p) for p in self.path.iterdir())
        return sorted((int(m[1]), p) for m, p in matches if m)

    def save(
        self,
        update: int,
        variables: Mapping[str, Any],
        *,
        facts: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        extra: Callable[[Path], None] | None = None,
    ) -> None:
        """Save the variables as they are now.

        Args:
            update: number of updates done; the checkpoint's name.
            variables: Keras or TensorFlow variables by key.
            facts: what else to keep; must be JSON.
            metrics: values to judge the checkpoint by.
            extra: writes further files into the folder that it is called with, before `save`
                returns, also with `background`.

        Raises:
            OSError: it cannot be written; earlier checkpoints are as they were.
        """
        self.wait()
        values = arrays.snapshot(variables)
        staged = self._stage(extra)
        facts = {"user": dict(facts or {}), "metrics": dict(metrics or {}), "time": time.time()}
        if not self.background:
            self._write(update, values, facts, staged)
            return
        job = (update, values, facts, staged)
        self._thread = threading.Thread(target=self._try_write, args=job)
        self._thread.start()

    def wait(self) -> None:
        """Until a save in the background is done; raises its error."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _try_write(self, *args: Any) -> None:
        try:
            self._write(*args)
        except BaseException as error:  # raised again by `wait`, in the thread of the caller
            self._error = error

    def _stage(self, extra: Callable[[Path], None] | None) -> Path | None:
        """A folder with the extra files, to be moved into the checkpoint."""
        if extra is None:
            return None
        folder = self.path / f".extra.partial-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        extra(folder)
        return folder

    def _write(
        self, update: int, values: Mapping[str, Any], facts: dict[str, Any], staged: Path | None
    ) -> None:
        target = self.path / f"checkpoint-{update:010d}"
        if target.exists():
            files.remove_directory(target)
        try:
            with files.directory_written_beside(target) as folder:
                described = arrays.write(folder, values)
                if staged is not None:
                    staged.rename(folder / "extra")
                files.failpoint("before-manifest")
                manifest.write(folder, {"update": update, "variables": described, **facts})
        except OSError as error:
            raise type(error)(
                error.errno,
                f"The checkpoint of update {update} cannot be written to {self.path}: "
                f"{error.strerror}. Earlier checkpoints are as they were",
            ) from error
        self._remove_old()

    def _remove_old(self) -> None:
        there = self.folders()
        kept = {update for update, _ in there[-self.keep :]}
        if self.keep_every is not None:
            kept |= {update for update, _ in there if update % self.keep_every == 0}
        best = self.best()
        if best is not None:
            kept.add(best)
        for update, folder in there:
            if update not in kept:
                files.remove_directory(folder)

    def best(self) -> int | None:
        """The update of the checkpoint with the best `keep_best`, or None."""
        scores = []
        for update, folder in self.folders() if self.keep_best is not None else ():
            try:
                value = manifest.read(folder)["metrics"].get(self.keep_best)
            except manifest.Damaged:
                continue
            if value is not None:
                scores.append((value if self.mode == "min" else -value, update))
        return min(scores)[1] if scores else None

    def load(self, update: int | None = None) -> _Saved | None:
        """The newest good checkpoint, or that of an update, with its values; or None.

        Raises:
            ValueError: `update` is given, and its checkpoint is missing or damaged.
        """
        self.wait()
        for number, folder in reversed(self.folders()):
            if update is not None and number != update:
                continue
            try:
                facts = manifest.read(folder)
                return _Saved(folder, number, facts, arrays.read(folder, facts["variables"]))
            except manifest.Damaged as damage:
                if update is not None:
                    raise ValueError(f"The checkpoint {folder} is damaged: {damage}.") from None
                warnings.warn(
                    f"The checkpoint {folder} is damaged: {damage}. The one before it is used.",
                    stacklevel=2,
                )
        if update is not None:
            raise ValueError(f"There is no checkpoint of update {update} in {self.path}.")
        return None

    def restore(
        self, variables: Mapping[str, Any], *, update: int | None = None
    ) -> dict[str, Any] | None:
        """Put the newest good checkpoint, or that of an update, into the variables.

        Args:
            variables: as they were given to `save`.
            update: of the checkpoint; default: the newest good one.

        Returns:
            The facts that were saved with it; None where there is no checkpoint.

        Raises:
            ValueError: the variables are not those of the checkpoint; none was changed.
        """
        saved = self.load(update)
        if saved is None:
            return None
        check_same(variables, saved.values)
        for key, variable in variables.items():
            variable.assign(saved.values[key])
        return saved.facts["user"]


def check_same(variables: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
    """Raise `ValueError` unless the values are those of just these variables."""
    missing = [key for key in variables if key not in values]
    unknown = [key for key in values if key not in variables]
    shapes = [
        f"{key}: {tuple(variable.shape)} here, {values[key].shape} saved"
        for key, variable in variables.items()
        if key in values and tuple(variable.shape) != values[key].shape
    ]
    if missing or unknown or shapes:
        raise ValueError(
            "The checkpoint is of other variables. "
            f"Not in it: {missing[:3]} ({len(missing)}). Only in it: {unknown[:3]} "
            f"({len(unknown)}). Of another shape: {shapes[:3]} ({len(shapes)})."
        )

"""The store of checkpoints: saved whole, verified before use, kept by a rule."""

import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlkit._core.checks import check_choice, check_integer
from mlkit._state import arrays, files, manifest
from mlkit._state.replicas import ROWS

_FOLDER = re.compile(r"checkpoint-(\d{10})")


@dataclass(frozen=True)
class _Saved:
    """A checkpoint on disk, verified: its folder, its update, its facts and its values by key."""

    folder: Path
    update: int
    facts: dict[str, Any]
    values: dict[str, np.ndarray]


class Store:
    """What `mk.training.Checkpointer` is made of; its arguments and methods are described there."""

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        keep: int = 3,
        keep_best: str | None = None,
        mode: str = "min",
        best_count: int = 1,
        keep_every: int | None = None,
        background: bool = False,
    ) -> None:
        check_integer("keep", keep, low=1)
        check_choice("mode", mode, ("min", "max"))
        check_integer("best_count", best_count, low=1)
        if keep_every is not None:
            check_integer("keep_every", keep_every, low=1)
        self.path = Path(path)
        self.keep, self.keep_best, self.mode = keep, keep_best, mode
        self.best_count, self.keep_every = best_count, keep_every
        # By update, so that a save need not read the metrics of all checkpoints again.
        self._scores: dict[int, float | None] = {}
        # One thread for all saves: to start one each time would hold up the training.
        self._writer = ThreadPoolExecutor(1) if background else None
        self._saving: Future[None] | None = None
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
        # What is written in the background must not be what the training goes on to change.
        facts = {"user": _copied(facts or {}), "metrics": dict(metrics or {}), "time": time.time()}
        if self._writer is None:
            self._write(update, values, facts, staged)
        else:
            self._saving = self._writer.submit(self._write, update, values, facts, staged)

    def wait(self) -> None:
        """Until a save in the background is done; raises its error."""
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.result()

    def raise_error(self) -> None:
        """Raise the error of a save in the background that has failed; does not wait for one."""
        if self._saving is not None and self._saving.done():
            self.wait()

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
                self._scores.pop(update, None)
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
        kept |= set(self._ranked()[: self.best_count])
        for update, folder in there:
            if update not in kept:
                files.remove_directory(folder)
                self._scores.pop(update, None)

    def best(self) -> int | None:
        """The update of the checkpoint with the best `keep_best`, or None."""
        return next(iter(self._ranked()), None)

    def _ranked(self) -> list[int]:
        """The updates of the checkpoints that have a value of `keep_best`, the best first."""
        if self.keep_best is None:
            return []
        scores = [(self._score(update, folder), update) for update, folder in self.folders()]
        sign = 1 if self.mode == "min" else -1
        return [u for _, u in sorted((sign * score, u) for score, u in scores if score is not None)]

    def _score(self, update: int, folder: Path) -> float | None:
        if update not in self._scores:
            try:
                value = manifest.read(folder)["metrics"].get(self.keep_best)
            except manifest.Damaged:
                value = None
            # NaN is the best of nothing.
            self._scores[update] = value if value is None or value == value else None
        return self._scores[update]

    def load(self, update: int | None = None) -> _Saved | None:
        """The newest good checkpoint, or that of an update, with its values; or None.

        Raises:
            ValueError: `update` is given, and its checkpoint is missing or damaged; or a
                newer version of mlkit wrote one.
        """
        self.wait()
        for number, folder in reversed(self.folders()):
            if update is not None and number != update:
                continue
            try:
                facts = manifest.read(folder)
                if facts["update"] != number:
                    raise manifest.Damaged(f"it is that of update {facts['update']}, renamed")
                return _Saved(folder, number, facts, arrays.read(folder, facts["variables"]))
            except manifest.Damaged as damage:
                if damage.newer:
                    raise ValueError(
                        f"The checkpoint {folder} is of a newer version of mlkit: {damage}. "
                        "Update mlkit. Nothing was changed."
                    ) from None
                if update is not None:
                    raise ValueError(f"The checkpoint {folder} is damaged: {damage}.") from None
                warnings.warn(
                    f"The checkpoint {folder} is damaged: {damage}. The one before it is used.",
                    stacklevel=2,
                )
        if update is not None:
            raise ValueError(f"There is no checkpoint of update {update} in {self.path}.")
        return None


def check_same(variables: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
    """Raise `ValueError` unless the values are those of just these variables."""
    missing = [key for key in variables if key not in values]
    unknown = [key for key in values if key.removesuffix(ROWS) not in variables]
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


def _copied(value: Any) -> Any:
    """Nested dicts and lists anew; what is in them is JSON's, which nobody changes in place."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(v) if isinstance(v, (Mapping, list, tuple)) else v for v in value]
    return value

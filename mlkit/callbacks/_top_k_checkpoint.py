"""The best models of a run and the newest ones, as files."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import keras

from mlkit._core.checks import check_bool, check_choice, check_integer, check_number
from mlkit._core.types import Logs
from mlkit._state.files import file_written_beside, remove_leftovers
from mlkit.callbacks._monitor import Monitor, say
from mlkit.callbacks._update_callback import UpdateCallback

_INDEX = "index.json"


class TopKCheckpoint(UpdateCallback):
    """Saves the model after epochs and keeps the k best files and the n newest.

    `epoch-0003.keras` is the model after the third epoch, `update-0000120.keras` one that `minutes`
    caused; `index.json` beside them says of each its update and its value of `monitor`. A file is
    written beside, synced and renamed: it is whole or not there, and a file that must go is removed
    only when the new one is there. Files of an earlier run in the same directory are moved to
    `earlier-1`, never overwritten; those of a run that is resumed (`mk.fit(run=)`) are gone on
    with.

    Args:
        directory: where to; made if it is not there.
        monitor: metric that tells which models are best. Default `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"`: by the name of the metric. Default `"auto"`.
        k: number of the best models that are kept, ≥ 0. Default 3.
        last: number of the newest models that are kept, ≥ 0. Default 1.
        minutes: save in the midst of an epoch too when so many minutes have gone by since the last
            time, above 0; looked at after each update, in `mk.fit` after each block. Such a file is
            one of the newest, not of the best. Default None: not.
        weights_only: whether to write `.weights.h5`, without architecture and optimizer. Default
            False.
        background: whether a thread writes the file while training goes on. The values are those of
            the moment; the optimizer is then not in the file. Default False.
        verbose: 1 says on stdout what is saved and removed. Default 0.

    Attributes:
        best: `(value, path)` of the best models, the best first.
        paths: all files that are kept, the oldest first.

    Raises:
        ValueError: an argument out of its range; `monitor` is not in the logs.
        OSError: a file cannot be written; those that are there stay.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> keep = mk.callbacks.TopKCheckpoint("models", monitor="loss", k=1, last=1)
        >>> x = np.ones((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[keep])
        >>> [path.name for path in keep.paths]
        ['epoch-0003.keras']
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        monitor: str = "val_loss",
        *,
        mode: str = "auto",
        k: int = 3,
        last: int = 1,
        minutes: float | None = None,
        weights_only: bool = False,
        background: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        check_integer("k", k, low=0)
        check_integer("last", last, low=0)
        if minutes is not None:
            check_number("minutes", minutes, low=0, open_low=True)
        check_bool("weights_only", weights_only)
        check_bool("background", background)
        check_choice("verbose", verbose, (0, 1))
        if k + last == 0:
            raise ValueError("`k` and `last` must not both be 0: nothing would be kept.")
        self.directory, self.monitor, self.mode = directory, monitor, mode
        self.k, self.last, self.minutes = k, last, minutes
        self.weights_only, self.background, self.verbose = weights_only, background, verbose
        self._monitor = Monitor(monitor, mode, "TopKCheckpoint")
        self._records: list[dict[str, Any]] = []
        self._goes_on = False
        self._saved_at = 0.0
        self._shadow: Any = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def paths(self) -> list[Path]:
        return [Path(self.directory) / record["file"] for record in self._records]

    @property
    def best(self) -> list[tuple[float, Path]]:
        return [(r["value"], Path(self.directory) / r["file"]) for r in self._best()]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        Path(self.directory).mkdir(parents=True, exist_ok=True)
        remove_leftovers(Path(self.directory))
        self._records, self._goes_on, self._shadow = [], False, None
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self.minutes is not None and time.monotonic() - self._saved_at >= 60 * self.minutes:
            self._saved_at = time.monotonic()
            self._add(f"update-{self.update:07d}", None, None)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._add(f"epoch-{epoch + 1:04d}", epoch, self._monitor.value(logs or {}))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._wait()

    def _best(self) -> list[dict[str, Any]]:
        judged = [r for r in self._records if r["value"] is not None]
        return sorted(judged, key=lambda r: (self._monitor.key(r["value"]), r["update"]))[: self.k]

    def _add(self, name: str, epoch: int | None, value: float | None) -> None:
        """Save the model if it is among those to be kept, and remove what it displaces."""
        self._wait()
        suffix = ".weights.h5" if self.weights_only else ".keras"
        record = {"file": name + suffix, "epoch": epoch, "update": self.update, "value": value}
        if not self._goes_on:
            self._put_aside()
        # An epoch that is done a second time after a resume replaces its own file.
        self._records = [r for r in self._records if r["file"] != record["file"]] + [record]
        kept = {r["file"] for r in self._best()}
        kept |= {r["file"] for r in self._records[len(self._records) - self.last :]}
        gone = [r["file"] for r in self._records if r["file"] not in kept]
        self._records = [r for r in self._records if r["file"] in kept]
        if record["file"] not in kept:
            return
        write = self._writer(Path(self.directory) / record["file"], gone, list(self._records))
        if self.background:
            self._thread = threading.Thread(target=self._try, args=(write,))
            self._thread.start()
        else:
            write()
        removed = f", removed {', '.join(gone)}" if gone else ""
        shown = "" if value is None else f" ({self.monitor} {value:.4g})"
        say(self, f"saved {record['file']}{shown}{removed}.")

    def _writer(self, path: Path, gone: list[str], records: list[dict[str, Any]]) -> Any:
        model = self._copy() if self.background else self.model

        def write() -> None:
            with file_written_beside(path) as beside:
                if self.weights_only:
                    model.save_weights(beside)
                else:
                    model.save(beside)
            _write_index(path.parent, records)
            for name in gone:
                (path.parent / name).unlink(missing_ok=True)

        return write

    def _copy(self) -> keras.Model:
        """A model with the values of now, which training does not change."""
        if self._shadow is None:
            model: Any = self.model
            self._shadow = type(model).from_config(model.get_config())
            if not self._shadow.built:
                self._shadow.build_from_config(self.model.get_build_config())
        for mine, theirs in zip(self._shadow.variables, self.model.variables, strict=True):
            mine.assign(theirs.value)
        return self._shadow

    def _try(self, write: Any) -> None:
        try:
            write()
        except BaseException as error:  # raised again by `_wait`, in the thread of the caller
            self._error = error

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _put_aside(self) -> None:
        """Move the files of an earlier run, once."""
        self._goes_on = True
        folder = Path(self.directory)
        if not (folder / _INDEX).exists():
            return
        names = [r["file"] for r in json.loads((folder / _INDEX).read_text(encoding="utf-8"))]
        number = 1
        while (aside := folder / f"earlier-{number}").exists():
            number += 1
        aside.mkdir()
        for name in [*names, _INDEX]:
            if (folder / name).exists():
                (folder / name).rename(aside / name)

    def get_state(self) -> dict[str, Any]:
        self._wait()
        spent = time.monotonic() - self._saved_at
        return {**super().get_state(), "records": self._records, "spent": spent}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._records, self._goes_on = list(state["records"]), True
        self._saved_at = time.monotonic() - state["spent"]


def _write_index(folder: Path, records: list[dict[str, Any]]) -> None:
    with file_written_beside(folder / _INDEX) as beside:
        beside.write_text(json.dumps(records, indent=1), encoding="utf-8")

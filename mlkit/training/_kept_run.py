"""A run that is kept in a directory: locked, resumed, saved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlkit._core.checks import check_choice, check_integer
from mlkit._state.lock import locked
from mlkit.data import check_resumable
from mlkit.training._arrays import Arrays
from mlkit.training._checkpointer import Checkpointer
from mlkit.training._keeper import Keeper
from mlkit.training._run import make_directory

_LARGER_IS_BETTER = ("acc", "auc", "f1", "precision", "recall", "iou", "dice", "matthews", "kappa")


def _mode(metric: str | None) -> str:
    larger = metric is not None and any(part in metric.lower() for part in _LARGER_IS_BETTER)
    return "max" if larger else "min"


def _fingerprint(trainer: Any, data: Any) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    facts = {
        "model": type(trainer.model).__name__,
        "parameters": trainer.model.count_params(),
        "optimizer": type(trainer.optimizer).__name__,
        "accumulate": trainer.accumulate,
        "batch_size": getattr(data, "batch_size", None),
        "steps_per_epoch": data.steps,
        "shuffle": data.shuffle,
    }
    if isinstance(data, Arrays):
        facts["examples"] = data.size
    if trainer.seed is not None:
        facts["seed"] = trainer.seed
    return facts


def _put_aside(folder: Path) -> None:
    """Rename the checkpoints of an earlier run: nothing is overwritten."""
    if not folder.exists():
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(aside)


@contextmanager
def kept_run(
    run: str | os.PathLike,
    trainer: Any,
    data: Any,
    watching: Any,
    save_every: int | None,
    keep: int,
    keep_best: str | None,
    resume: str,
) -> Iterator[Keeper]:
    """The keeper of a run, while its directory is locked and signals are listened to."""
    check_choice("resume", resume, ("auto", "must", "never"))
    if save_every is not None:
        check_integer("save_every", save_every, low=1)
    path = Path(run)
    if not isinstance(data, Arrays):
        check_resumable(data.dataset)
    make_directory(path)
    with locked(path):
        folder = path / "checkpoints"
        if resume == "never":
            _put_aside(folder)
        checkpointer = Checkpointer(
            folder, keep=keep, keep_best=keep_best, mode=_mode(keep_best), background=True
        )
        callbacks = watching.list.callbacks
        keeper = Keeper(
            trainer, data, callbacks, watching.history, checkpointer, save_every,
            _fingerprint(trainer, data),
        )  # fmt: skip
        keeper.look(resume)
        with keeper.listening():
            try:
                yield keeper
            finally:
                checkpointer.wait()

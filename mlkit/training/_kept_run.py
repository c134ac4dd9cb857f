"""A run that is kept in a directory: locked, resumed, saved."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mlkit._core.checks import check_choice, check_integer
from mlkit._state.lock import locked
from mlkit.data import check_resumable
from mlkit.data._fingerprint import fingerprint
from mlkit.training._arrays import Arrays
from mlkit.training._checkpointer import Checkpointer
from mlkit.training._keeper import Keeper
from mlkit.training._run import make_directory, parameters_of

_LARGER_IS_BETTER = ("acc", "auc", "f1", "precision", "recall", "iou", "dice", "matthews", "kappa")

_CHECKPOINTS = "checkpoints"
# What a run directory is known by; `lock` alone is left by a process that was killed at once.
_PARTS = ("checkpoints", "metrics", "config", "model", "tensorboard", "lock")


def _mode(metric: str | None) -> str:
    larger = metric is not None and any(part in metric.lower() for part in _LARGER_IS_BETTER)
    return "max" if larger else "min"


def _named(loss: Any) -> Any:
    """What a loss is called, in a structure of losses too."""
    if isinstance(loss, dict):
        return {str(key): _named(value) for key, value in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_named(value) for value in loss]
    name = getattr(loss, "__name__", type(loss).__name__)
    return loss if loss is None or isinstance(loss, str) else name


def _fingerprint(trainer: Any, data: Any) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    facts = {
        "model": type(trainer.model).__name__,
        "loss": _named(getattr(trainer.model, "loss", None)),
        "elements of the data": str(data.signature()[0]),
        "parameters": parameters_of(trainer.model),
        "optimizer": type(trainer.optimizer).__name__,
        "accumulate": trainer.accumulate,
        "batch_size": getattr(data, "batch_size", None),
        "steps_per_epoch": data.steps,
        "shuffle": data.shuffle,
    }
    if isinstance(data, Arrays):
        facts["examples"] = data.size
        numbers = fingerprint(data.head(8)).numpy()
        facts["the first examples"] = hashlib.sha256(numbers.tobytes()).hexdigest()[:12]
    if trainer.seed is not None:
        facts["seed"] = trainer.seed
    return facts


def _put_aside(path: Path) -> None:
    """Rename what an earlier run has left: nothing is overwritten."""
    number = 1
    while any(path.glob(f"*.{number}")):
        number += 1
    for name in (_CHECKPOINTS, "metrics.jsonl", "config.json", "model.json", "tensorboard"):
        if (path / name).exists():
            (path / name).rename(path / f"{name}.{number}")


def _refuse_what_is_no_run(path: Path, resume: str) -> None:
    """Raise if a directory holds other things, or a run whose checkpoints were deleted."""
    names = {e.name for e in path.iterdir() if e.name[0] != "."} if path.is_dir() else set()
    if names and not any(name.partition(".")[0] in _PARTS for name in names):
        raise ValueError(
            f"`run`: {path} is not a run directory: it holds {sorted(names)[:3]}. Give an empty "
            "one, or one that is not there yet. Nothing was changed."
        )
    begun = "metrics.jsonl" in names and (path / "metrics.jsonl").stat().st_size > 0
    if begun and _CHECKPOINTS not in names and resume != "never":
        raise ValueError(
            f"The run in {path} has metrics but no directory {_CHECKPOINTS!r}: it was deleted in "
            'part. Put it back, or begin anew with resume="never", which puts the rest aside.'
        )


def _go_on_together(workers: Any, keeper: Keeper) -> None:
    """All workers look before the chief writes, and have found the same checkpoint."""
    if workers.chief:
        workers.wait()
    workers.check_same({"the checkpoint that is gone on from": keeper.found})


@contextmanager
def kept_run(
    run: str | os.PathLike,
    trainer: Any,
    data: Any,
    watching: Any,
    save_every: int | None,
    keep: int,
    keep_best: str | None,
    keep_every: int | None,
    resume: str,
) -> Iterator[Keeper]:
    """The keeper of a run, while its directory is locked and signals are listened to."""
    check_choice("resume", resume, ("auto", "must", "never"))
    if save_every is not None:
        check_integer("save_every", save_every, low=1)
    path = Path(run)
    if not isinstance(data, Arrays):
        check_resumable(data.read)
    workers = trainer.workers
    chief = workers is None or workers.chief
    if not chief:
        workers.wait()  # until the chief has looked, and put aside what is in the way
    else:
        _refuse_what_is_no_run(path, resume)
        make_directory(path)
    with locked(path) if chief else nullcontext():
        if chief and resume == "never":
            _put_aside(path)
        checkpointer = Checkpointer(
            path / _CHECKPOINTS,
            keep=keep,
            keep_best=keep_best,
            mode=_mode(keep_best),
            keep_every=keep_every,
            background=True,
        )
        callbacks = watching.list.callbacks
        keeper = Keeper(
            trainer, data, callbacks, watching.history, checkpointer, save_every,
            _fingerprint(trainer, data),
        )  # fmt: skip
        keeper.writes = chief
        keeper.look(resume)
        if workers is not None:
            _go_on_together(workers, keeper)
        with keeper.signals.listening():
            try:
                yield keeper
            finally:
                checkpointer.wait()

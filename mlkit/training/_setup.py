"""What surrounds a call of `fit`: its callbacks, its history, its progress line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from mlkit._core.checks import check_integer
from mlkit.callbacks import NaNRecovery, Resume
from mlkit.callbacks._claims import check_list
from mlkit.training._callback_list import CallbackList
from mlkit.training._callbacks import Watchers
from mlkit.training._history import History
from mlkit.training._keeper import Keeper
from mlkit.training._plan import SHORT_EPOCH, Plan
from mlkit.training._progress import Progress
from mlkit.training._sources import Source
from mlkit.training._workers import runs_everywhere


@dataclass
class Watching:
    """Everybody who watches a run: `list` holds all of them, in the order of their calls."""

    list: Any
    history: History
    progress: Progress | None


def given_callbacks(callbacks: Any) -> list[Any]:
    """The callbacks that a user gave, as a list."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return keras.tree.flatten(callbacks) if callbacks else []


def run_of(
    callbacks: Any, run: Any, save_every: int | None, resume: str
) -> tuple[list[Any], Any, int | None, str]:
    """The callbacks without a `Resume`, which means the arguments `run`, `save_every`, `resume`."""
    given = given_callbacks(callbacks)
    found = next((c for c in given if isinstance(c, Resume)), None)
    if found is None:
        return given, run, save_every, resume
    if run is not None:
        raise ValueError(f"Give `run` or the callback Resume, not both. Received: run={run!r}")
    return [c for c in given if c is not found], found.run, found.every, found.resume


def tell_state(watching: Watching, state: dict[str, Any]) -> None:
    """Tell the callbacks that roll back what a step changes."""
    for callback in watching.list.callbacks:
        if isinstance(callback, NaNRecovery):
            callback.run_state = state


def gather_callbacks(
    callbacks: Any,
    verbose: int | str,
    epochs: int,
    data: Source,
    trainer: Any,
    log: keras.callbacks.Callback | None,
) -> Watching:
    """The user's callbacks, then the history and the progress line, as `model.fit` orders them."""
    level = 1 if verbose == "auto" else int(verbose)
    given = given_callbacks(callbacks)
    check_list(given)
    if trainer.workers is not None and not trainer.workers.chief:
        level, log = 0, None
        given = [c for c in given if runs_everywhere(c)]
    history = next((c for c in given if isinstance(c, History)), None) or History()
    progress = None
    if level and not any(isinstance(c, keras.callbacks.ProgbarLogger) for c in given):
        progress = Progress(level, batch_size=getattr(data, "batch_size", None))
    extra = [c for c in (log, history, progress) if c is not None and c not in given]
    whole = CallbackList([*given, *extra])
    params = {"verbose": level, "epochs": epochs, "steps": data.steps, "conflicts_checked": True}
    whole.set_params(params)
    whole.set_model(trainer.model)
    trainer.model.history = history
    return Watching(whole, history, progress)


def nobody_looks_within(plan: Plan, watching: Watching, keeper: Keeper | None) -> bool:
    """Whether epochs are short, and no callback, save, validation or progress line cuts them."""
    return (
        plan.steps is not None
        and plan.steps <= SHORT_EPOCH
        and plan.validate_every is None
        and (keeper is None or keeper.save_every is None)
        and not (watching.progress is not None and watching.progress.live)
        and Watchers(watching.list.callbacks).next_update(0) is None
    )


def epochs_to_validate(freq: int | Sequence[int]) -> Callable[[int], bool]:
    """Whether to validate after an epoch, counted from 1."""
    if isinstance(freq, (list, tuple, set)):
        chosen = set(freq)
        return lambda epoch: epoch in chosen
    check_integer("validation_freq", freq, low=1)
    return lambda epoch: epoch % freq == 0

"""Exact resume for loops that are written by hand."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_choice, check_integer
from mlkit._state import callbacks as objects
from mlkit._state.lock import locked
from mlkit._state.replicas import put_back
from mlkit._state.signals import Signals
from mlkit._state.store import Store, check_same
from mlkit._state.variables import collect
from mlkit.data import check_resumable
from mlkit.training._private import dataset_of
from mlkit.training._run import make_directory


def steps(
    state: Mapping[str, Any],
    *,
    total: int,
    run: str | os.PathLike,
    save_every: int = 500,
    keep: int = 3,
    resume: str = "auto",
) -> Iterator[int]:
    """The numbers of the steps that are left of a run, which is saved on the way.

    `for step in mk.training.steps(...)` is the head of a loop of your own. Whenever the loop comes
    back to it, a step is done: it is counted, and saved if its turn has come. A run that was broken
    off goes on with the step after the newest good checkpoint, with all of `state` as it was then.
    SIGTERM, SIGUSR1 and Ctrl-C save after the running step and end the process. The bits are the
    same if the traces are: with a short last batch, trace a `tf.function` for the shapes that the
    data declare (`input_signature=[dataset.element_spec]`), not for those that come first.

    Args:
        state: by name, everything that a step changes: models, optimizers, metrics, seed
            generators, variables, iterators of `tf.data` (one for the whole run, over
            `dataset.repeat()`, or `shuffle(...).repeat().batch(...)`), objects with `get_state`
            and `set_state`, and lists of these. What is built later has no place in a checkpoint:
            build models and optimizers before.
        total: number of steps of the whole run, ≥ 1.
        run: directory of the run; made if it is not there.
        save_every: steps between checkpoints, ≥ 1; the last step is saved too. Default 500.
        keep: number of the newest checkpoints that are kept, ≥ 1. Default 3.
        resume: `"auto"`; `"must"`, an error where there is nothing to go on from.

    Returns:
        An iterator over the numbers of the steps, from 0.

    Raises:
        ValueError: an argument is out of range; an iterator reads what cannot be resumed exactly;
            or the checkpoint is of another state.
        TypeError: something in `state` has no variables and no `get_state`.

    Example:
        >>> import tempfile
        >>> import keras
        >>> import mlkit as mk
        >>> w, run = keras.Variable(0.0), tempfile.mkdtemp()
        >>> for step in mk.training.steps({"w": w}, total=10, run=run, save_every=2):
        ...     if step == 5:
        ...         break  # the process ends here, say: steps 4 and 5 are not saved
        >>> list(mk.training.steps({"w": w}, total=10, run=run, save_every=2))
        [4, 5, 6, 7, 8, 9]
    """
    check_integer("total", total, low=1)
    check_integer("save_every", save_every, low=1)
    check_choice("resume", resume, ("auto", "must"))
    kept = _State(state)
    make_directory(Path(run))
    return _steps(kept, total, Path(run), save_every, keep, resume)


def _steps(
    state: "_State", total: int, run: Path, save_every: int, keep: int, resume: str
) -> Iterator[int]:
    signals = Signals()
    with locked(run):
        store = Store(run / "checkpoints", keep=keep, background=True)
        saved = store.load()
        if saved is None and (resume == "must" or store.folders()):
            raise ValueError(f"There is no good checkpoint in {store.path}. Nothing was changed.")
        first = 0
        if saved is not None:
            state.restore(saved)
            first = saved.update
        with signals.listening():
            try:
                for step in range(first, total):
                    yield step
                    store.raise_error()
                    done = step + 1
                    if done % save_every == 0 or done == total or signals.number is not None:
                        state.save(store, done)
                    signals.obey()
            finally:
                store.wait()


class _State:
    """All that a loop changes, to be saved and put back.

    Args:
        state: by name; see `steps`.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.owner = SimpleNamespace(**state)
        flat = [(name, part) for name, value in state.items() for part in tf.nest.flatten([value])]
        self.iterators = [part for _, part in flat if isinstance(part, tf.data.Iterator)]
        self.objects = [part for _, part in flat if hasattr(part, "get_state")]
        for name, part in flat:
            known = isinstance(part, tf.data.Iterator) or hasattr(part, "get_state")
            if not known and not collect(SimpleNamespace(part=part)):
                raise TypeError(
                    f"`state[{name!r}]` has no variables, is no iterator of tf.data and has no "
                    f"`get_state`. Received: {type(part).__name__}. Build it before, or leave it "
                    "out if it does not change."
                )
        for iterator in self.iterators:
            dataset = dataset_of(iterator)
            if dataset is not None:
                check_resumable(dataset)

    def save(self, store: Store, step: int) -> None:
        nodes, arrays = objects.save(self.objects)
        store.save(
            step,
            {**collect(self.owner), **arrays},
            facts={"objects": nodes},
            extra=self._write_iterators if self.iterators else None,
        )

    def _write_iterators(self, folder: Path) -> None:
        tf.train.Checkpoint(iterators=self.iterators).write(str(folder / "iterators"))

    def restore(self, saved: Any) -> None:
        """Put a checkpoint back; where its variables are others, nothing is changed."""
        variables = collect(self.owner)
        mine = {k: v for k, v in saved.values.items() if not k.startswith("callbacks/")}
        check_same(variables, mine)
        objects.restore(self.objects, saved.facts["user"]["objects"], saved.values)
        put_back(variables, mine)
        if self.iterators:
            path = str(saved.folder / "extra" / "iterators")
            tf.train.Checkpoint(iterators=self.iterators).read(path).assert_consumed()

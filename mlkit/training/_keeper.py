"""Keeps the state of a run on disk, and puts it back so that nothing has happened."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from mlkit._state import callbacks as _callback_state
from mlkit._state.arrays import snapshot
from mlkit._state.replicas import put_back
from mlkit._state.signals import Signals
from mlkit._state.store import check_same
from mlkit._state.variables import collect
from mlkit.training._arrays import Arrays
from mlkit.training._auto import Choice
from mlkit.training._checkpointer import Checkpointer
from mlkit.training._endless import Endless


class Keeper:
    """Saves and restores one run.

    Args:
        owner: the trainer, whose attributes hold all that is learned.
        data: what the run trains on.
        callbacks: all callbacks of the run; the history is `history`.
        history: what has been measured.
        checkpointer: where to.
        save_every: updates between saves; default: after each epoch.
        fingerprint: what must be the same in a run that goes on.
    """

    def __init__(
        self,
        owner: Any,
        data: Any,
        callbacks: list[Any],
        history: Any,
        checkpointer: Checkpointer,
        save_every: int | None,
        fingerprint: dict[str, Any],
    ) -> None:
        self.owner, self.data, self.callbacks, self.history = owner, data, callbacks, history
        self.checkpointer, self.save_every, self.fingerprint = checkpointer, save_every, fingerprint
        self.signals = Signals()
        self.choice: Choice | None = None
        self._saved: Any = None
        # Of several workers only the chief writes.
        self.writes = True

    def next_save(self, update: int) -> int | None:
        """The first update after `update` to save at, or None."""
        every = self.save_every
        return None if every is None else (update // every + 1) * every

    def due(self, update: int) -> bool:
        """Whether to save at this update."""
        return self.save_every is not None and update % self.save_every == 0

    def save(
        self,
        position: dict[str, int],
        logs: dict[str, Any],
        validation: dict[str, Any],
        *,
        stopped: bool = False,
        end: dict[str, Any] | None = None,
    ) -> None:
        """Save everything, for the position `{"epoch", "step", "update"}` to be gone on from.

        Args:
            position: where to go on.
            logs: by which the best checkpoint is found.
            validation: the logs of the last validation within an epoch.
            stopped: whether a callback has ended the run.
            end: how far the end of an epoch has come, if it broke off there.
        """
        if not self.writes:
            # The chief reads what all replicas hold together: all must read it.
            snapshot(collect(self.owner))
            return
        nodes, arrays = _callback_state.save(self.callbacks)
        facts = {
            "position": position,
            "fingerprint": self.fingerprint,
            "history": self.history.history,
            "epochs": self.history.epoch,
            "validations": self.history.validations,
            "callbacks": nodes,
            "seed": self.data.seed if isinstance(self.data, (Arrays, Endless)) else None,
            "choice": None if self.choice is None else asdict(self.choice),
            "validation": {k: v for k, v in validation.items() if isinstance(v, float)},
            "stopped": stopped,
            "end": end,
        }
        numbers = {k: v for k, v in logs.items() if isinstance(v, float)}
        stream = not isinstance(self.data, Arrays)
        self.checkpointer.save(
            position["update"],
            {**collect(self.owner), **arrays},
            facts=facts,
            metrics=numbers,
            extra=self._write_iterator if stream else None,
        )

    def _write_iterator(self, folder: Path) -> None:
        tf.train.Checkpoint(iterator=self.data.iterator).write(str(folder / "iterator"))

    def look(self, resume: str) -> None:
        """Find the newest good checkpoint and the program that it was made by.

        Raises:
            ValueError: it is of another job; none is good; or there is none, and `resume` is
                `"must"`.
        """
        self._saved = self.checkpointer.load()
        if self._saved is None:
            if count := len(self.checkpointer.folders()):
                raise ValueError(
                    f"None of the {count} checkpoints in {self.checkpointer.path} is good. Nothing "
                    'was changed. Put good ones back, or begin anew with resume="never", which '
                    "puts these aside."
                )
            if resume == "must":
                raise ValueError(
                    f'resume="must", but there is no checkpoint in {self.checkpointer.path}.'
                )
            return
        facts = self._saved.facts["user"]
        _check_fingerprint(self.fingerprint, facts["fingerprint"], self.checkpointer.path)
        self.choice = Choice(**facts["choice"])

    @property
    def found(self) -> int | None:
        """The update of the checkpoint that `look` has found."""
        return None if self._saved is None else self._saved.update

    def restore(self) -> dict[str, Any] | None:
        """Put back what `look` has found; returns its facts, or None where it found nothing.

        Raises:
            ValueError: its variables or callbacks are others; nothing was changed.
        """
        if self._saved is None:
            return None
        saved, self._saved = self._saved, None
        facts = saved.facts["user"]
        variables = collect(self.owner)
        mine = {k: v for k, v in saved.values.items() if not k.startswith("callbacks/")}
        check_same(variables, mine)
        nodes = facts["callbacks"]
        if not self.writes:
            mine_too = {type(c).__name__ for c in self.callbacks}
            nodes = [node for node in nodes if node["name"] in mine_too]
        _callback_state.restore(self.callbacks, nodes, saved.values)
        put_back(variables, mine)
        if isinstance(self.data, Arrays):
            self.data.seed = facts["seed"]
        else:
            if isinstance(self.data, Endless):
                self.data.reseed(facts["seed"])
            path = str(saved.folder / "extra" / "iterator")
            tf.train.Checkpoint(iterator=self.data.iterator).read(path).assert_consumed()
        self.history.history = facts["history"]
        self.history.epoch = facts["epochs"]
        self.history.validations = [tuple(v) for v in facts["validations"]]
        return facts


def _check_fingerprint(here: dict[str, Any], there: dict[str, Any], path: Path) -> None:
    differ = [
        f"{name}: {there.get(name)!r} then, {here.get(name)!r} now"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]
    if differ:
        raise ValueError(
            f"The run in {path.parent} was another job. {'; '.join(differ)}. Give what it had, or "
            'another directory, or resume="never" to begin anew there.'
        )

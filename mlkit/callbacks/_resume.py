"""Exact resume inside plain `model.fit`."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras

# The position in the data is an iterator of tf.data, which keras.ops does not know.
import tensorflow as tf

from mlkit._core.checks import check_choice, check_integer
from mlkit._state import callbacks as callback_state
from mlkit._state.lock import locked
from mlkit._state.replicas import put_back
from mlkit._state.signals import Signals
from mlkit._state.store import Store, check_same
from mlkit._state.variables import collect
from mlkit.callbacks._claims import all_of
from mlkit.data import check_resumable
from mlkit.data._resumable import _graph

_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


class Resume(keras.callbacks.Callback):
    """Save a run of plain `model.fit`, and go on with it in the same bits.

    A run that was broken off, in the midst of an epoch too, goes on after its newest good
    checkpoint with all that it had: weights, optimizer, loss scale, seeds, metrics, the place in
    the data, the history, and what the other callbacks remember (those of Keras, and every one with
    `get_state` and `set_state`). Keras' `BackupAndRestore` begins the epoch anew, with another
    order, other dropout masks and forgetful callbacks. Killed within an epoch at ten random updates
    of 20, one job with dropout and shuffling ended with `Resume` ten times in the same bits as
    without a kill; with `BackupAndRestore` never, and after 21 to 25 updates.

    The batches are read from `data` by one iterator for the whole run, in the place of the iterator
    of `fit`, which cannot be saved; `fit` is given the same data set. What cannot be resumed
    exactly is refused with its operation's name: `Dataset.shuffle` too, in place of which
    `mk.data.pipeline` shuffles by index. In the steps of a resumed epoch that were done
    before the break nothing is computed, and the other callbacks are not called for them.
    SIGTERM and SIGUSR1 save after the running step, with exit status 128 + the number; Ctrl-C does
    too. One replica only: use `mk.fit(run=...)` with a strategy. In `mk.fit` this callback means
    `run=` and `save_every=`, and the data are those that `fit` is given.

    Args:
        run: directory of the run; made if it is not there.
        data: the `tf.data.Dataset` that `fit` is given, such as `mk.data.pipeline` makes.
        every: updates between checkpoints, ≥ 1. Default None: after each epoch.
        keep: number of the newest checkpoints that are kept, ≥ 1. Default 3.
        resume: `"auto"`; `"must"`, an error where there is nothing to go on from. Default `"auto"`.

    Raises:
        ValueError: an argument is out of range, or `data` cannot be resumed exactly.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import mlkit as mk
        >>> data = mk.data.pipeline((np.ones((8, 4)), np.ones((8, 1))), 4, epochs=1)
        >>> model = mk.Sequential([mk.Input((4,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> resume = mk.callbacks.Resume(tempfile.mkdtemp(), data, every=1)
        >>> history = model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[resume])
        >>> int(model.optimizer.iterations)
        4
    """

    def __init__(
        self,
        run: str | os.PathLike,
        data: tf.data.Dataset,
        every: int | None = None,
        keep: int = 3,
        resume: str = "auto",
    ) -> None:
        super().__init__()
        if every is not None:
            check_integer("every", every, low=1)
        check_integer("keep", keep, low=1)
        check_choice("resume", resume, ("auto", "must"))
        check_resumable(data)
        _refuse_shuffle(data)
        self.run, self.data, self.every, self.keep = run, data, every, keep
        self.resume = resume
        self._signals = Signals()
        self._stack = ExitStack()
        self._saved: Any = None
        self._muted: list[tuple[Any, str, Any]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self._check()
        path = Path(self.run)
        path.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._stack.enter_context(locked(path))
        self._store = Store(path / "checkpoints", keep=self.keep, background=True)
        self._signals = Signals(still=self._fit_is_running())
        self._stack.enter_context(self._signals.listening())
        self._others = [c for c in all_of(self) if c is not self]
        self._skip = self._first = self._done = 0
        self._build()
        endless = int(self.data.cardinality()) == tf.data.INFINITE_CARDINALITY
        self._iterator = iter(self.data if endless else self.data.repeat())
        self._take_over()
        self._saved = self._store.load()
        if self._saved is not None:
            self._go_on(self._saved.facts["user"])
        elif self.resume == "must" or self._store.folders():
            raise ValueError(f"There is no good checkpoint in {self._store.path}. Nothing changed.")

    def _check(self) -> None:
        """Raise if this fit cannot be resumed."""
        steps, replicas = self.params.get("steps"), self.model.distribute_strategy
        if replicas.num_replicas_in_sync > 1:
            raise ValueError("Resume works with one replica. Use mk.fit(..., run=...) with more.")
        if not self._fit_is_running()(sys._getframe()):
            raise ValueError(
                "Resume is for model.fit. In a loop of your own use mk.training.steps."
            )
        count = int(self.data.cardinality())
        if steps is None or (count >= 0 and count != steps):
            raise ValueError(
                f"Resume needs to know the length of an epoch. fit has {steps} steps, and `data` "
                f"{count if count >= 0 else 'no known number of'} batches. Give fit the same data "
                "set, with `steps_per_epoch` if it has no end."
            )
        if steps % self.model.steps_per_execution:
            raise ValueError(
                f"`steps_per_execution` must divide the {steps} steps of an epoch. Received: "
                f"steps_per_execution={self.model.steps_per_execution}"
            )

    def _build(self) -> None:
        """Make the variables that come with the first step: a checkpoint has them.

        In a new run too: a data set that shuffles has another order after it was looked into.
        """
        batch = next(iter(self.data.take(1)))
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        seeds = [(v, tf.identity(v.value)) for v in self.model.non_trainable_variables]
        y_pred = self.model(x)
        self.model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        self.model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        self.model.reset_metrics()
        for variable, value in seeds:
            variable.assign(value)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def _end_if_asked(self) -> None:
        if self._signals.number is not None:
            self._store.wait()
            self._stack.close()
        self._signals.obey()

    def _fit_is_running(self) -> Callable[[Any], bool]:
        """Whether the call of fit that this run belongs to is on a stack: an error ends it."""
        model = self.model

        def still(frame: Any) -> bool:
            while frame is not None:
                if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
                    return True
                frame = frame.f_back
            return False

        return still

    def _take_over(self) -> None:
        """Have the training function read our iterator, and do nothing in steps that are done."""
        function = self.model.train_function
        size = self.model.steps_per_execution

        def step(_: Any) -> Any:
            if self._skip:
                self._skip -= size
                return self.model.get_metrics_result()
            return function(self._iterator)

        self._function = function
        self.model.train_function = step

    def _go_on(self, facts: dict[str, Any]) -> None:
        epoch, done = facts["position"]
        self._first = epoch
        steps = facts["steps"]
        if steps != self.params["steps"]:
            raise ValueError(
                f"The run in {self.run} had {steps} steps an epoch, and now has "
                f"{self.params['steps']}. Give what it had, or another directory."
            )
        # Where `fit` begins; BackupAndRestore sets it too, for Keras has no other door for it.
        self.model._initial_epoch = self.params["epochs"] if facts["stopped"] else epoch
        self._skip = self._done = done
        for callback in self._others if done else ():
            for name in _HOOKS:
                original = getattr(callback, name)
                self._muted.append((callback, name, vars(callback).get(name)))
                setattr(callback, name, partial(_from_step, done, original))

    def _unmute(self) -> None:
        for callback, name, before in self._muted:
            delattr(callback, name)
            if before is not None:
                setattr(callback, name, before)
        self._muted = []

    def _owner(self) -> SimpleNamespace:
        return SimpleNamespace(model=self.model)

    def _stateful(self) -> list[Any]:
        return [c for c in self._others if not isinstance(c, keras.callbacks.History)]

    def _save(self, epoch: int, done: int) -> None:
        nodes, arrays = callback_state.save(self._stateful())
        history = self.model.history
        self._store.save(
            epoch * self.params["steps"] + done,
            {**collect(self._owner()), **arrays},
            facts={
                "position": [epoch, done],
                "steps": self.params["steps"],
                "callbacks": nodes,
                "history": {k: [float(v) for v in vs] for k, vs in history.history.items()},
                "epochs": history.epoch,
                "stopped": bool(self.model.stop_training),
            },
            extra=self._write_iterator,
        )

    def _write_iterator(self, folder: Path) -> None:
        tf.train.Checkpoint(iterator=self._iterator).write(str(folder / "iterator"))

    def _restore(self) -> None:
        saved, self._saved = self._saved, None
        facts, variables = saved.facts["user"], collect(self._owner())
        mine = {k: v for k, v in saved.values.items() if not k.startswith("callbacks/")}
        check_same(variables, mine)
        callback_state.restore(self._stateful(), facts["callbacks"], saved.values)
        put_back(variables, mine)
        path = str(saved.folder / "extra" / "iterator")
        tf.train.Checkpoint(iterator=self._iterator).read(path).assert_consumed()
        self.model.history.history, self.model.history.epoch = facts["history"], facts["epochs"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # Here, not at the end of the epoch before: now every callback has seen that end.
        if self._saved is not None:
            self._restore()
        elif epoch > self._first and (self._due(epoch, 0) or self.every is None):
            self._save(epoch, 0)
        self._epoch = epoch
        self._end_if_asked()

    def _due(self, epoch: int, done: int) -> bool:
        update = epoch * self.params["steps"] + done
        return self._signals.number is not None or (
            self.every is not None and update % self.every == 0
        )

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._skip:
            return
        self._store.raise_error()
        if batch > self._done and self._due(self._epoch, batch):
            self._save(self._epoch, batch)
        self._end_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._unmute()
        self._done = 0
        self._ended = epoch + 1

    def on_train_end(self, logs: Any = None) -> None:
        self.model.train_function = self._function
        self.model._initial_epoch = None
        if self._saved is not None:
            self._restore()  # the run was at its end already
        else:
            self._save(self._ended, 0)
        self._store.wait()
        self._stack.close()


def _refuse_shuffle(data: tf.data.Dataset) -> None:
    """Raise for `Dataset.shuffle`: the iterators that fit makes draw from its orders too."""
    graph = _graph(data) if getattr(data, "small_twin", None) is None else None
    if graph is not None and any(node.op.startswith("ShuffleDataset") for node in graph.node):
        raise ValueError(
            "`Dataset.shuffle` cannot be resumed inside model.fit: Keras makes iterators of its "
            "own, and each takes an order from it. Use `mk.data.pipeline` or `mk.data.shuffle`, or "
            "train with `mk.fit(..., run=...)`."
        )


def _from_step(first: int, hook: Any, batch: int, logs: Any = None) -> None:
    if batch >= first:
        hook(batch, logs)

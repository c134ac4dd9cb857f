"""Roll back to the last good state when numbers go wrong."""

import functools
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Flags on the device are tf.Variables with one copy a replica, which keras.ops does not make.
import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._state.arrays import snapshot
from mlkit._state.replicas import copies
from mlkit._state.variables import variables_of
from mlkit.callbacks._model_state import lower_rates, scaled_schedules, scales_of, set_scales
from mlkit.gradients._slices import all_finite

# Updates before a loss can be a spike: the mean of the first ones says little.
_WARM_UP = 20


class NaNRecovery(keras.callbacks.Callback):
    """Roll back and go on when the loss or a gradient is not finite, or jumps.

    A flag on the device is set by the step itself and read each `every` updates and at the end of
    an epoch: no other step waits for the host. Where it is set, the model, the optimizer, the seeds
    and the metrics are put back to the last look, the data go on (the batches of the window are
    skipped), and the learning rate is multiplied by `factor`. After `tries` windows it gives up:
    the last good state is put back and `FloatingPointError` ends training. Before a checkpoint of
    `run=` or `Resume` it looks too, so that what is saved is good.

    Gradients of a `LossScaleOptimizer` are not looked at: it skips their overflows itself.

    Args:
        every: updates between two looks, ≥ 1. Default 100.
        spike: a loss above this many times its running mean (over about 100 updates, after the
            first 20) is as bad as NaN, > 1. Default None: never.
        factor: multiplies the learning rate at each rollback, in (0, 1]; that of a schedule by a
            `mk.optimizers.schedules.ScaledSchedule`, into which it is put. Default 1.0.
        tries: rollbacks before it gives up, ≥ 0. Default 3.
        path: file to which the first bad batch of the last window is written, `.npz`, with arrays
            `x0`, `x1`, … and `y0`, …. Default None: none is kept.

    Raises:
        ValueError: an argument is out of range.
        FloatingPointError: the numbers went wrong once more than `tries` times.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, y = np.ones((40, 2)), np.ones((40, 1))
        >>> x[7] = np.nan
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> recovery = mk.callbacks.NaNRecovery(every=2)
        >>> history = model.fit(x, y, batch_size=4, verbose=0, callbacks=[recovery], shuffle=False)
        >>> recovery.rollbacks, bool(np.isfinite(model.get_weights()[0]).all())
        (1, True)
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    def __init__(
        self,
        every: int = 100,
        spike: float | None = None,
        factor: float = 1.0,
        tries: int = 3,
        path: str | os.PathLike | None = None,
    ) -> None:
        super().__init__()
        check_integer("every", every, low=1)
        check_integer("tries", tries, low=0)
        check_number("factor", factor, low=0, high=1, open_low=True)
        if spike is not None:
            check_number("spike", spike, low=1, open_low=True)
        self.every, self.spike, self.factor, self.tries = every, spike, factor, tries
        self.path = path
        self.rollbacks = 0
        self._schedules: list[Any] = []
        self._methods: tuple[Any, ...] = ()
        self._batch: list[Any] = []
        self._names: list[str] = []
        self._good: dict[str, Any] = {}
        # All that a step of our loop changes, averages too; it is told by the loop.
        self.run_state: dict[str, Any] = {}

    # The hooks in the step.

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        _unhook(model)
        methods = (model.compute_loss, model.optimizer.apply)
        # The same hooks for the same methods: a program that was traced with them is used again.
        if methods != self._methods:
            self._methods = methods
            self._make_hooks(model)
        model.compute_loss, watched_apply = self._hooks
        if not isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer):
            model.optimizer.apply = watched_apply
        model.train_function = None  # one that was traced before does not look

    def _make_hooks(self, model: Any) -> None:
        with model.distribute_strategy.scope():
            one_a_replica = {
                "trainable": False,
                "synchronization": tf.VariableSynchronization.ON_READ,
                "aggregation": tf.VariableAggregation.SUM,
            }
            self._bad = tf.Variable(0.0, **one_a_replica)
            self._mean = tf.Variable(0.0, **one_a_replica)
            self._seen = tf.Variable(0.0, **one_a_replica)
        self._batch = []
        loss_of, apply = self._methods

        @functools.wraps(loss_of)
        def compute_loss(*args: Any, **kwargs: Any) -> Any:
            loss = loss_of(*args, **kwargs)
            if kwargs.get("training", True):
                self._look_at(loss, dict(zip(("x", "y"), args, strict=False)) | kwargs)
            return loss

        def watched_apply(grads: Any, trainable_variables: Any = None) -> Any:
            known = [g for g in grads if g is not None]
            self._note(tf.logical_not(all_finite(known)), None)
            return apply(grads, trainable_variables)

        self._hooks: tuple[Any, Any] = (compute_loss, watched_apply)
        for hook in self._hooks:
            hook.looks_for_nan = True

    def _look_at(self, loss: Any, batch: dict[str, Any]) -> None:
        value = tf.cast(tf.stop_gradient(loss), tf.float32)
        bad = tf.logical_not(tf.math.is_finite(value))
        if self.spike is not None:
            high = value > self.spike * tf.identity(self._mean)
            bad = tf.logical_or(bad, tf.logical_and(high, tf.identity(self._seen) >= _WARM_UP))
            share = 1.0 / tf.minimum(tf.identity(self._seen) + 1.0, 100.0)
            change = tf.where(bad, 0.0, share * (value - tf.identity(self._mean)))
            self._mean.assign_add(change)
            self._seen.assign_add(tf.where(bad, 0.0, 1.0))
        self._note(bad, batch if self.path is not None else None)

    def _note(self, bad: Any, batch: dict[str, Any] | None) -> None:
        if batch is not None:
            self._keep(tf.logical_and(bad, tf.equal(tf.identity(self._bad), 0.0)), batch)
        self._bad.assign_add(tf.cast(bad, tf.float32))

    def _keep(self, wanted: Any, batch: dict[str, Any]) -> None:
        named = [(n, i, t) for n in "xy" for i, t in enumerate(tf.nest.flatten(batch.get(n)))]
        named = [(f"{n}{i}", tf.convert_to_tensor(t)) for n, i, t in named if t is not None]
        if not self._batch:
            self._names = [name for name, _ in named]
            with tf.init_scope():
                for _, tensor in named:
                    shape = tf.TensorShape([None] * tensor.shape.rank)
                    zero = tf.zeros([0] * tensor.shape.rank, tensor.dtype)
                    self._batch.append(tf.Variable(zero, trainable=False, shape=shape))

        def assign() -> Any:
            for variable, (_, tensor) in zip(self._batch, named, strict=True):
                variable.assign(tensor)
            return tf.constant(0)

        tf.cond(wanted, assign, lambda: tf.constant(0))

    # The looks.

    def on_train_begin(self, logs: Any = None) -> None:
        self.rollbacks = self._update = self._start = 0
        self._epoch = None
        for variable in (self._bad, self._mean, self._seen):
            variable.assign(tf.zeros_like(variable))
        self._good = {}
        self._schedules = scaled_schedules(self.model) if self.factor < 1 else []

    def next_update(self, update: int) -> int:
        """The next update to look at."""
        return (update // self.every + 1) * self.every

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # In model.fit the first step would make its variables, and nothing could put them back.
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        # A run that is resumed in the midst of an epoch begins that epoch again.
        if epoch != self._epoch:
            self._epoch, self._start = epoch, self._update

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if not self._good:  # not earlier: now the state of a resumed run is in its place
            self._good = snapshot(self._variables())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        before, self._update = self._update, self._start + batch + 1
        last = batch + 1 == self.params.get("steps")
        if self._update // self.every > before // self.every or last:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epoch = None
        self._look()

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs to go on; a look comes first, so that a good state is saved."""
        if self._good:
            self._look()
        known = {"mean": self._mean, "seen": self._seen}
        flags: dict[str, Any] = {n: [float(c) for c in copies(v)] for n, v in known.items()}
        flags["scales"] = scales_of(self._schedules)
        counters = {"rollbacks": self.rollbacks, "update": self._update}
        return {**counters, "epoch": self._epoch, "start": self._start, **flags}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.rollbacks, self._update = state["rollbacks"], state["update"]
        self._epoch, self._start = state["epoch"], state["start"]
        self._schedules = set_scales(self._schedules, state["scales"])
        for variable, values in ((self._mean, state["mean"]), (self._seen, state["seen"])):
            there = copies(variable)
            # Replicas see their own parts; another number of them begins with the mean of all.
            if len(there) != len(values):
                values = [sum(values) / len(values)] * len(there)
            for copy, value in zip(there, values, strict=True):
                copy.assign(value)
        self._good = {}

    def on_train_end(self, logs: Any = None) -> None:
        _unhook(self.model)
        self._good = {}

    def _variables(self) -> dict[str, Any]:
        # Not by place: what the first step makes would move the others.
        own: dict[str, Any] = {str(id(v)): v for v in variables_of(self.model)}
        state = self.run_state or own
        # What replicas sum up is put back where it was, not as the sum.
        each = {key: copies(variable) for key, variable in state.items()}
        return {f"{key}/{i}": copy for key, found in each.items() for i, copy in enumerate(found)}

    def _look(self) -> None:
        # Of several replicas `float` would not take the variable itself.
        if float(self._bad.numpy()) == 0:
            self._good = snapshot(self._variables())
            return
        for key, variable in self._variables().items():
            # A metric that the first step has made is empty at the last look.
            good = self._good.get(key)
            variable.assign(keras.ops.zeros_like(variable) if good is None else good)
        self._bad.assign(tf.zeros_like(self._bad))
        self.rollbacks += 1
        if self.rollbacks > self.tries:
            raise FloatingPointError(
                f"The loss or a gradient was not finite, or jumped, in {self.rollbacks} windows of "
                f"{self.every} updates. The model has the last good state.{self._write()}"
            )
        sys.stderr.write(
            f"NaNRecovery: wrong numbers before update {self._update}; the state is that of the "
            f"last look ({self.rollbacks} of {self.tries} rollbacks).\n"
        )
        if self.factor < 1:
            lower_rates(self.model, self._schedules, self.factor)
            self._good = snapshot(self._variables())

    def _write(self) -> str:
        if self.path is None or not self._batch:
            return ""
        path = Path(self.path).with_suffix(".npz")
        arrays = {n: v.numpy() for n, v in zip(self._names, self._batch, strict=True)}
        np.savez(path, **arrays)
        return f" The first bad batch is in {path}."


def _unhook(model: Any) -> None:
    """Give a model and its optimizer their own methods back."""
    for owner, name in ((model, "compute_loss"), (model.optimizer, "apply")):
        if hasattr(vars(owner).get(name), "looks_for_nan"):
            delattr(owner, name)
    model.train_function = None

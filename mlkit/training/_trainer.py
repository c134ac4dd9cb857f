"""The trainer: one engine for every depth."""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit._state.variables import collect
from mlkit.callbacks import TimeStopping
from mlkit.training._alone import replicas_of
from mlkit.training._arrays import Arrays
from mlkit.training._cluster import strategy_of
from mlkit.training._describe import describe
from mlkit.training._ema import WeightAverage
from mlkit.training._engine import Engine
from mlkit.training._few_batches import cut_down
from mlkit.training._history import History
from mlkit.training._input_checks import check_data, check_monitors
from mlkit.training._job import run_job
from mlkit.training._keeper import Keeper
from mlkit.training._kept_run import kept_run
from mlkit.training._loop import flat
from mlkit.training._model_step import compile_missing, overrides
from mlkit.training._plan import Plan
from mlkit.training._predict import predict_arrays, predict_stream
from mlkit.training._programs import Logs, check_execution
from mlkit.training._replica import Share
from mlkit.training._run import RunLog
from mlkit.training._setup import (
    Watching,
    epochs_to_validate,
    gather_callbacks,
    given_callbacks,
    run_of,
    tell_state,
)
from mlkit.training._shares import share_of
from mlkit.training._sources import (
    Source,
    source,
    split_validation,
    training_source,
    validation_source,
)
from mlkit.training._update import Transform, apply_gradients, updates_of, value_and_grad
from mlkit.training._workers import Workers

_OF_A_TRIAL = ("self", "fast_dev_run", "overfit_batches")


class Trainer:
    """Trains a Keras model, by the program that fits the job.

    `fit`, `evaluate` and `predict` take the arguments of Keras' own. What is compiled into the
    model (loss, optimizer, metrics) stays; what is given here replaces it, as `model.compile` does.
    A model with a `train_step` of its own is run with that.

    To write another step, subclass and override `train_step`: it is traced, fused and compiled like
    the default one.

    Args:
        model: a Keras model.
        loss, optimizer, metrics, loss_weights, weighted_metrics: as for `keras.Model.compile`;
            default: the model's own.
        accumulate: parts in which each batch is run, one after the other, ≥ 1. The batch and the
            update stay what they are; the memory of activations is divided. Default 1.
        gradients: transforms `(gradients, variables) -> gradients`, applied in order before the
            optimizer. Default: none.
        ema: decay of an exponential moving average of the weights by updates, in [0, 1), with
            warm-up. The averages validate, predict, and are in the model while callbacks run at
            the end of an epoch (and so are what they save); training goes on with the weights
            themselves. Default: none.
        execution: `"auto"`, or one of `"eager"`, `"step"`, `"fused"`, `"epoch"`, alone or with
            `"+xla"`. All learn the same. Default `"auto"`.
        strategy: a `tf.distribute` strategy, or `"auto"`: that of the cluster in `TF_CONFIG` or
            of Slurm (see `auto_strategy`), of several GPUs, or none. Batch sizes stay those of the
            whole batch, which the replicas share; what is learned is what one device learns, up to
            rounding. A model that was made outside of its scope is rebuilt inside of it
            (`trainer.model`), and has what was learned when `fit` returns. With parameter servers
            a batch is an update of one worker, and no two runs are alike. Default: none.
        seed: of the order of the examples; default: from Python's `random`, and so from
            `keras.utils.set_random_seed`.

    Raises:
        ValueError: the model is not compiled and nothing is given; or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((4,)), mk.layers.Dense(2)])
        >>> trainer = mk.Trainer(model, loss="mse", optimizer="adam", seed=0)
        >>> history = trainer.fit(np.ones((10, 4)), np.ones((10, 2)), epochs=3, verbose=0)
        >>> len(history["loss"])
        3
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        loss: Any = None,
        optimizer: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        accumulate: int = 1,
        gradients: Sequence[Transform] = (),
        ema: float | None = None,
        execution: str = "auto",
        strategy: tf.distribute.Strategy | str | None = None,
        seed: int | None = None,
    ) -> None:
        check_integer("accumulate", accumulate, low=1)
        check_execution(execution)
        extra = {"loss_weights": loss_weights, "weighted_metrics": weighted_metrics}
        compile_missing(model, loss=loss, optimizer=optimizer, metrics=metrics, extra=extra)
        self._replicas = replicas_of(strategy_of(strategy), model)
        self.model = self._replicas.model
        self.accumulate = accumulate
        self.gradients = list(gradients)
        self.execution = execution
        self.seed = seed
        self.ema = ema
        self._average = None if ema is None else WeightAverage(ema)
        self.workers: Workers | None = self._replicas.workers
        steps, no_xla = self._replicas.steps(self), self._replicas.no_xla
        self._engine = Engine(self.model, steps, execution, self.averaged, no_xla)
        self._engine.own_program = self._replicas.program
        self._prepared: set[str] = set()
        self._callbacks: list[Any] = []
        self._refuse_what_a_custom_step_ignores()
        self._replicas.refuse(self)

    @property
    def plan(self) -> str:
        """How the last job was run, and why; what `print(trainer)` shows."""
        return describe(self._engine, self._callbacks, self._replicas.describe())

    def __str__(self) -> str:
        return self.plan

    def _has_the_default_step(self) -> bool:
        own = type(self).train_step is not Trainer.train_step
        return not own and not overrides(self.model, "train_step")

    def averaged(self) -> AbstractContextManager[None]:
        """A context in which the model has its averaged weights: `with t.averaged(): m.save(p)`."""
        return nullcontext() if self._average is None else self._average.in_place()

    def finalize(self) -> None:
        """Write the averaged weights, if `ema` is given, into the model for good."""
        if self._average is not None:
            self._average.finalize()
        self._replicas.give_back()

    @property
    def optimizer(self) -> Any:
        return self.model.optimizer

    def _refuse_what_a_custom_step_ignores(self) -> None:
        custom = overrides(self.model, "train_step")
        given = [n for n in ("accumulate", "gradients") if getattr(self, n) not in (1, [])]
        given += ["ema"] if self._average is not None else []
        if custom and given and type(self).train_step is Trainer.train_step:
            raise ValueError(
                f"`{given[0]}` has no effect on {type(self.model).__name__}, which has its own "
                "train_step. Override `Trainer.train_step` in a subclass instead, and call "
                "mk.training.value_and_grad and mk.training.apply_gradients in it."
            )

    # What a step does. Override in a subclass.

    def train_step(self, batch: Any) -> Logs:
        """One update from one batch.

        Args:
            batch: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            What to report beside the model's metrics, a dict of scalars; empty: the metrics.
        """
        if overrides(self.model, "train_step"):
            return self.model.train_step(batch)
        variables = self.model.trainable_variables
        if not variables:
            warnings.warn(
                f"{self.model.name!r} has no trainable weights: no step changes any.", stacklevel=2
            )
        _, gradients = value_and_grad(
            lambda part: self._engine.model_step.loss(part, training=True),
            variables,
            batch,
            accumulate=self.accumulate,
            optimizer=self.optimizer,
            share=self.share,
        )
        self.apply_gradients(gradients, variables)
        return {}

    @property
    def share(self) -> Share | None:
        """What a part of a batch counts for in its loss: `share` of `value_and_grad`."""
        return share_of(self.model, self.accumulate * self._replicas.count)

    def apply_gradients(self, gradients: list[Any], variables: Sequence[Any]) -> None:
        """Transform, apply and average: the end of a `train_step` with one optimizer."""
        before = updates_of(self.optimizer)
        apply_gradients(self.optimizer, gradients, variables, self.gradients)
        if self._average is not None:
            updates = updates_of(self.optimizer)
            self._average.update(updates, updates > before)

    def test_step(self, batch: Any) -> Logs:
        """The loss and metrics of one batch; returns as `train_step` does."""
        if overrides(self.model, "test_step"):
            return self.model.test_step(batch)
        self._engine.model_step.loss(batch, training=False)
        return {}

    def predict_step(self, batch: Any) -> Any:
        """The outputs for one batch."""
        if overrides(self.model, "predict_step"):
            return self.model.predict_step(batch)
        return self._engine.model_step.call(
            keras.utils.unpack_x_y_sample_weight(batch)[0], training=False
        )

    # What a user calls.

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        validate_every: int | None = None,
        run: str | os.PathLike | None = None,
        save_every: int | None = None,
        keep: int = 3,
        keep_best: str | None = None,
        keep_every: int | None = None,
        resume: str = "auto",
        max_time: float | None = None,
        fast_dev_run: bool = False,
        overfit_batches: int | None = None,
    ) -> History:
        """Train; the arguments are those of `keras.Model.fit`, and ours.

        Args:
            x, y, sample_weight: arrays, tensors or nests of them; or `x` alone: a
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches.
            batch_size: examples an update, for arrays. Default 32.
            epochs: number of the last epoch. Default 1.
            verbose: 0 silent, 1 a progress line, 2 a line an epoch; `"auto"` is 1.
            callbacks: `keras.callbacks.Callback` objects. Of several workers the chief calls them;
                all call those that steer, and your own with `on_all_workers = True`.
            validation_split: fraction of the arrays' end that is held out, in [0, 1).
            validation_data: what to validate on: `(x, y)`, `(x, y, sample_weight)`, a dataset.
            shuffle: whether arrays are put in a new order each epoch, by (seed, epoch).
            class_weight: weight of each integer class; dense targets (N, H, W) too.
            initial_epoch: number of the first epoch, from 0.
            steps_per_epoch, validation_steps: batches an epoch; default: until the data end.
            validation_batch_size: default: `batch_size`.
            validation_freq: epochs between validations, or the epochs (from 1) after which to.
            validate_every: updates between validations, in the place of those after epochs.
            run: directory of the run: its configuration, metrics, TensorBoard events and
                checkpoints; made if it is not there. A run that was broken off goes on from its
                newest good checkpoint, and ends in the same bits as if nothing had happened.
            save_every: updates between checkpoints. Default: after each epoch. SIGTERM, SIGUSR1 and
                Ctrl-C save too, at the edge of the running block.
            keep: number of the newest checkpoints that are kept, ≥ 1.
            keep_best: metric by which the best one is kept too: the smallest value, or for a name
                with `acc`, `auc` or `f1` in it the largest.
            keep_every: checkpoints of multiples of this many updates are kept for good.
            resume: `"auto"`; `"must"`, an error where there is nothing to go on from; `"never"`,
                begin anew and put earlier checkpoints aside.
            max_time: seconds after which training ends, > 0; in a run that is resumed those of all
                its parts. Default: none.
            fast_dev_run: run one batch, and one of validation, and write no run directory: does
                all of it work? Default False.
            overfit_batches: train on so many first batches in each epoch, without validation, to
                see whether the model can learn them by heart. Default: none.

        Returns:
            The metrics of each epoch.
        """
        if fast_dev_run or overfit_batches is not None:
            given = {k: v for k, v in locals().items() if k not in _OF_A_TRIAL}
            cut_down(given, fast_dev_run, overfit_batches)
            return self.fit(**given)
        if max_time is not None:
            check_number("max_time", max_time, low=0, open_low=True)
            callbacks = [*given_callbacks(callbacks), TimeStopping(max_time)]
        callbacks, run, save_every, resume = run_of(callbacks, run, save_every, resume)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(
                x, y, sample_weight, validation_split
            )
        train = training_source(
            x, y, sample_weight, batch_size=batch_size, steps=steps_per_epoch, shuffle=shuffle,
            class_weight=class_weight, seed=self._replicas.common_seed(self.seed))  # fmt: skip
        held_out = validation_source(
            validation_data, validation_batch_size or batch_size, validation_steps
        )
        self._prepare(train, "train")
        self._replicas.agree(self, train)
        log = None if run is None else RunLog(run, epochs, train)
        watching = gather_callbacks(callbacks, verbose, epochs, train, self, log)
        if self._has_the_default_step():
            names = list(flat(self.model.get_metrics_result()))
            check_monitors(given_callbacks(callbacks), names, held_out is not None)
        plan = Plan(
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps=train.steps,
            validate=held_out and partial(self._engine.evaluate, held_out, watching.list),
            validate_epochs=epochs_to_validate(validation_freq),
            validate_every=validate_every,
        )
        if run is None:
            self._run(plan, train, watching, None)
            return watching.history
        keeping = save_every, keep, keep_best, keep_every, resume
        with kept_run(run, self, train, watching, *keeping) as keeper:
            self._run(plan, train, watching, keeper)
        return watching.history

    def _run(self, plan: Plan, train: Source, watching: Watching, keeper: Keeper | None) -> None:
        self._callbacks = watching.list.callbacks
        tell_state(watching, collect(self))
        with self._replicas.scope():
            run_job(self, self._engine, plan, train, watching, keeper)
        self._replicas.give_back()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batch_size: int | None = None,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> dict[str, float]:
        """The loss and the metrics on some data, by name; the data as for `fit`."""
        data = source(x, y, sample_weight, batch_size=batch_size, steps=steps)
        self._prepare(data, "test")
        callback_list = keras.callbacks.CallbackList(
            callbacks, model=self.model, verbose=0, epochs=1, steps=data.steps
        )
        with self._replicas.scope():
            return self._engine.evaluate(data, callback_list)

    def predict(self, x: Any, *, batch_size: int | None = None, steps: int | None = None) -> Any:
        """The outputs for `x`, as numpy arrays in the structure of the model's output."""
        data = source(x, batch_size=batch_size, steps=steps)
        run = predict_arrays if isinstance(data, Arrays) else predict_stream
        with self._replicas.scope(), self.averaged():
            return run(self._engine, data)

    def _prepare(self, data: Source, kind: str) -> None:
        """Create all variables, and look at the first examples before anything is learned."""
        default = self._has_the_default_step()
        own = not default and self.model.loss is None
        if kind in self._prepared and (own or self.model.built):
            return
        if own:
            self._engine.prepare_own_step(data, kind)
        else:
            head = data.head(8)
            self._replicas.prepare(self._engine.model_step, head, self.share)
            if default:
                check_data(self.model, data, head)
        if self._average is not None:
            with self._replicas.scope():
                self._average.build(self.model.trainable_variables)
        self._prepared |= {kind} if own else {"train", "test"}

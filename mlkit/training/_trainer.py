"""The trainer: one engine for every depth."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.checks import check_integer
from mlkit.training._array_program import ArrayProgram
from mlkit.training._arrays import Arrays
from mlkit.training._callbacks import stops_on_nonfinite
from mlkit.training._history import History
from mlkit.training._input_checks import check_batch
from mlkit.training._loop import Loop, Plan, to_python
from mlkit.training._model_step import ModelStep, compile_missing, overrides
from mlkit.training._predict import predict_arrays, predict_stream
from mlkit.training._programs import Job, Logs
from mlkit.training._progress import Progress
from mlkit.training._run import RunLog, make_directory
from mlkit.training._sources import Source, source, split_validation
from mlkit.training._stream_program import StreamProgram
from mlkit.training._update import Transform, apply_gradients, value_and_grad


class Trainer:
    """Trains a Keras model: `model.fit`'s own arguments, run by a program that fits the job.

    What is compiled into the model (loss, optimizer, metrics) stays; what is given here replaces
    it, as `model.compile` does. A model with a `train_step` of its own is run with that.

    To write another step, subclass and override `train_step`: it is traced, fused and compiled like
    the default one.

    Args:
        model: a Keras model.
        loss, optimizer, metrics, loss_weights, weighted_metrics: as for `keras.Model.compile`;
            default: the model's own.
        accumulate: parts in which each batch is run, one after the other, ≥ 1. The batch and the
            update stay what they are; the memory of activations is divided. Default 1.
        gradients: transforms `(gradients, variables) -> gradients`, applied in order before the
            optimizer, such as `[mk.gradients.clip_by_global_norm(1.0)]`. Default: none.
        execution: `"auto"`, or one of `"eager"`, `"step"`, `"fused"`, `"epoch"`, alone or with
            `"+xla"`. All learn the same. Default `"auto"`.
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
        execution: str = "auto",
        seed: int | None = None,
    ) -> None:
        check_integer("accumulate", accumulate, low=1)
        self.model = model
        extra = {"loss_weights": loss_weights, "weighted_metrics": weighted_metrics}
        compile_missing(model, loss=loss, optimizer=optimizer, metrics=metrics, extra=extra)
        self.accumulate = accumulate
        self.gradients = list(gradients)
        self.execution = execution
        self.seed = seed
        self._programs: dict[Any, Any] = {}
        self._log_order: dict[str, int] = {}
        self._prepared = False
        self.model_step = ModelStep(model)
        self._refuse_what_a_custom_step_ignores()

    @property
    def optimizer(self) -> Any:
        return self.model.optimizer

    def _refuse_what_a_custom_step_ignores(self) -> None:
        custom = overrides(self.model, "train_step")
        given = [n for n in ("accumulate", "gradients") if getattr(self, n) not in (1, [])]
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
        _, gradients = value_and_grad(
            lambda part: self.model_step.loss(part, training=True),
            variables,
            batch,
            accumulate=self.accumulate,
            optimizer=self.optimizer,
        )
        apply_gradients(self.optimizer, gradients, variables, self.gradients)
        return {}

    def test_step(self, batch: Any) -> Logs:
        """The loss and metrics of one batch; returns as `train_step` does."""
        if overrides(self.model, "test_step"):
            return self.model.test_step(batch)
        self.model_step.loss(batch, training=False)
        return {}

    def predict_step(self, batch: Any) -> Any:
        """The outputs for one batch."""
        if overrides(self.model, "predict_step"):
            return self.model.predict_step(batch)
        return self.model_step.call(keras.utils.unpack_x_y_sample_weight(batch)[0], training=False)

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
    ) -> History:
        """Train; the arguments are those of `keras.Model.fit`, and ours.

        Args:
            x, y, sample_weight: arrays, tensors or nests of them; or `x` alone: a
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches.
            batch_size: examples an update, for arrays. Default 32.
            epochs: number of the last epoch. Default 1.
            verbose: 0 silent, 1 a progress line, 2 a line an epoch; `"auto"` is 1.
            callbacks: `keras.callbacks.Callback` objects.
            validation_split: fraction of the arrays' end that is held out, in [0, 1).
            validation_data: what to validate on: `(x, y)`, `(x, y, sample_weight)`, a dataset.
            shuffle: whether arrays are put in a new order each epoch, by (seed, epoch).
            class_weight: weight of each integer class; dense targets (N, H, W) too.
            initial_epoch: number of the first epoch, from 0.
            steps_per_epoch, validation_steps: batches an epoch; default: until the data end.
            validation_batch_size: default: `batch_size`.
            validation_freq: epochs between validations, or the epochs (from 1) after which to.
            validate_every: updates between validations, in the place of those after epochs.
            run: directory for the configuration and the metrics of the run, and its TensorBoard
                events; made if it is not there.

        Returns:
            The metrics of each epoch.
        """
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(
                x, y, sample_weight, validation_split
            )
        train = source(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            steps=steps_per_epoch,
            shuffle=shuffle,
            class_weight=class_weight,
            seed=self.seed,
        )
        held_out = self._validation_source(
            validation_data, validation_batch_size or batch_size, validation_steps
        )
        self._prepare(train)
        if run is not None:
            make_directory(Path(run))
            given = callbacks.callbacks if hasattr(callbacks, "callbacks") else callbacks
            options = {"epochs": epochs, "steps_per_epoch": train.steps, "seed": self.seed}
            callbacks = [*keras.tree.flatten(given or []), RunLog(run, options)]
        history, progress, callback_list = self._callbacks(callbacks, verbose, epochs, train)
        program = self._program("train", train, callback_list.callbacks)
        validate = None
        if held_out is not None:
            validate = partial(self._evaluate, held_out, callback_list)
        plan = Plan(
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps=train.steps,
            validate=validate,
            validate_epochs=_epochs_to_validate(validation_freq),
            validate_every=validate_every,
        )
        begin = None if self._resets_in_graph() else self.model.reset_metrics
        loop = Loop(plan, program, self.model, callback_list, begin, progress, self._to_logs)
        self.model.stop_training = False
        self._run(loop, callback_list)
        return history

    def _run(self, loop: Loop, callback_list: Any) -> None:
        callback_list.on_train_begin()
        logs: dict[str, Any] = {}
        try:
            logs = loop.run()
            if isinstance(self.optimizer, keras.Optimizer) and self.optimizer.built:
                self.optimizer.finalize_variable_values(self.model.trainable_variables)
        finally:
            # Also after an error and Ctrl-C: files are closed and weights put back.
            callback_list.on_train_end(logs)

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
        self._prepare(data)
        callback_list = keras.callbacks.CallbackList(
            callbacks, model=self.model, verbose=0, epochs=1, steps=data.steps
        )
        return self._evaluate(data, callback_list)

    def predict(self, x: Any, *, batch_size: int | None = None, steps: int | None = None) -> Any:
        """The outputs for `x`, as numpy arrays in the structure of the model's output."""
        data = source(x, batch_size=batch_size, steps=steps)
        if isinstance(data, Arrays):
            return predict_arrays(self, data)
        return predict_stream(self, data)

    # The inside.

    def _validation_source(self, data: Any, batch_size: int | None, steps: int | None) -> Any:
        if data is None:
            return None
        if isinstance(data, (list, tuple)):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
        else:
            x, y, sample_weight = data, None, None
        return source(x, y, sample_weight, batch_size=batch_size, steps=steps)

    def _prepare(self, data: Source) -> None:
        """Create all variables, and look at the first examples before anything is learned."""
        head = data.head(8)
        if not self._prepared or not self.model.built:
            if not overrides(self.model, "train_step") and type(self).train_step is (
                Trainer.train_step
            ):
                check_batch(self.model, head)
            self.model_step.prepare(head)
            self._prepared = True

    def _callbacks(
        self, callbacks: Any, verbose: int | str, epochs: int, data: Source
    ) -> tuple[History, Progress | None, Any]:
        level = 1 if verbose == "auto" else int(verbose)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            given = callbacks
        else:
            given = keras.callbacks.CallbackList(callbacks)
        history = next((c for c in given.callbacks if isinstance(c, History)), None) or History()
        progress = None
        if level and not any(isinstance(c, keras.callbacks.ProgbarLogger) for c in given.callbacks):
            size = data.batch_size if isinstance(data, Arrays) else None
            progress = Progress(level, batch_size=size)
        extra = [c for c in (history, progress) if c is not None and c not in given.callbacks]
        whole = keras.callbacks.CallbackList([*given.callbacks, *extra])
        whole.set_params({"verbose": level, "epochs": epochs, "steps": data.steps})
        whole.set_model(self.model)
        self.model.history = history
        return history, progress, whole

    def _resets_in_graph(self) -> bool:
        """Whether the metrics can be reset inside a program: nothing of theirs is in Python."""
        if type(self.model).reset_metrics is not keras.Model.reset_metrics:
            return False
        modules = [type(m).__module__.partition(".")[0] for m in self.model.metrics]
        return all(module in ("keras", "mlkit") for module in modules)

    def _finish(self, logs: Logs) -> Logs:
        """What to report: the model's metrics, or what the step returned if that is another."""
        metrics = self.model.get_metrics_result()
        # Graphs return dicts with their keys sorted; a person wants the order of compile().
        self._log_order = {name: i for i, name in enumerate(metrics)}
        return metrics if not logs or logs.keys() == metrics.keys() else logs

    def _to_logs(self, raw: Logs) -> dict[str, Any]:
        """Python numbers, in the order of the model's metrics."""
        logs = to_python(raw)
        return {k: logs[k] for k in sorted(logs, key=lambda k: self._log_order.get(k, len(logs)))}

    def _program(self, kind: str, data: Source, callbacks: Sequence[Any] = ()) -> Any:
        name, xla = self._execution(data)
        watch = kind == "train" and any(stops_on_nonfinite(c) for c in callbacks)
        key = (kind, name, xla, watch, _signature(data), self._model_signature())
        if key not in self._programs:
            job = self._job(kind, watch)
            cls = ArrayProgram if isinstance(data, Arrays) else StreamProgram
            self._programs[key] = cls(job, data, name, xla)
        program = self._programs[key]
        if isinstance(data, Arrays):
            program.arrays = data
        else:
            program.stream = data
        return program

    def _job(self, kind: str, watch: bool) -> Job:
        step: Callable[[Any], Logs] = self.train_step if kind == "train" else self.test_step
        begin = self.model.reset_metrics if self._resets_in_graph() else None
        return Job(step, self._finish, begin, self._loss_is_finite if watch else None)

    def _loss_is_finite(self) -> Any:
        tracker = self.model_step.tracker()
        if tracker is None:
            raise ValueError(
                "A callback watches for a loss that is not finite, but the model keeps its loss "
                "itself: its `metrics` do not begin with Keras' loss tracker."
            )
        return tf.math.is_finite(tracker.result())

    def _model_signature(self) -> Any:
        """What a traced program depends on: another value needs another trace."""
        trainable = tuple(id(v) for v in self.model.trainable_variables)
        return trainable, id(self.optimizer), tuple(id(m) for m in self.model.metrics)

    def _execution(self, data: Source) -> tuple[str, bool]:
        if self.execution == "auto":
            if self.model.run_eagerly:
                return "eager", False
            return ("epoch" if isinstance(data, Arrays) else "fused"), False
        name, _, option = self.execution.partition("+")
        if isinstance(data, Arrays) or name != "epoch":
            return name, option == "xla"
        raise ValueError(
            "execution='epoch' needs data in memory: arrays, not batches that arrive one by one. "
            f"Use 'fused' or 'auto'. Received x of type {type(data.dataset).__name__}."
        )

    def _evaluate(self, data: Source, callback_list: Any) -> dict[str, Any]:
        callback_list.on_test_begin()
        if not self._resets_in_graph():
            self.model.reset_metrics()
        if not isinstance(data, Arrays):
            data.rewind()
        program = self._program("test", data)
        raw, _ = program.run(0, 0, data.steps)
        logs = self._to_logs(raw)
        callback_list.on_test_end(logs)
        return logs


def _epochs_to_validate(freq: int | Sequence[int]) -> Callable[[int], bool]:
    if isinstance(freq, (list, tuple, set)):
        chosen = set(freq)
        return lambda epoch: epoch in chosen
    check_integer("validation_freq", freq, low=1)
    return lambda epoch: epoch % freq == 0


def _signature(data: Source) -> Any:
    """What a traced program depends on in the data."""
    if isinstance(data, Arrays):
        specs = keras.tree.map_structure(lambda t: (tuple(t.shape), t.dtype.name), data.tensors)
        return repr(specs), data.batch_size, data.shuffle
    return repr(data.element_spec), data.marked

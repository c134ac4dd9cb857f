"""The inside of the trainer: programs, kept from call to call, and what goes around them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from mlkit.training._array_program import ArrayProgram
from mlkit.training._arrays import Arrays
from mlkit.training._auto import Choice
from mlkit.training._loop import flat, to_python
from mlkit.training._model_step import ModelStep, overrides
from mlkit.training._programs import Job, Logs, function
from mlkit.training._sources import Source
from mlkit.training._stream_program import StreamProgram

Step = Callable[[Any], Logs]


class Engine:
    """Makes and keeps the programs of one trainer.

    Args:
        model: the model.
        steps: the step of each kind: `"train"`, `"test"`, `"predict"`.
        execution: the program asked for, or `"auto"`.
        averaged: a context in which the model has its averaged weights, if any are kept.
        no_xla: why XLA is out of the question, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        steps: dict[str, Step],
        execution: str,
        averaged: Callable[[], AbstractContextManager[None]],
        no_xla: str | None = None,
    ) -> None:
        self.model, self.steps, self.execution = model, steps, execution
        self.averaged, self.no_xla = averaged, no_xla
        # Of a strategy that trains in another way: `(job, data, name, xla) -> program`.
        self.own_program: Callable[..., Any] | None = None
        self.model_step = ModelStep(model)
        self._programs: dict[Any, Any] = {}
        self.residence: str | None = None  # where the data of the last training are
        self.choice: Choice | None = None

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returned for this key and this state of the model."""
        key = (key, self._model_signature())
        if key not in self._programs:
            self._programs[key] = make()
        return self._programs[key]

    def _model_signature(self) -> Any:
        """What a traced program depends on: another value needs another trace."""
        trainable = tuple(id(v) for v in self.model.trainable_variables)
        metrics = tuple(id(m) for m in self.model.metrics)
        # A callback that looks into the step has its hook on the object.
        hook = vars(self.model).get("compute_loss")
        return trainable, id(self.model.optimizer), metrics, self.model.train_function, hook

    def program(
        self, kind: str, data: Source, choice: Choice, watch: bool = False, whole: bool = True
    ) -> Any:
        """The program that runs a kind of step over some data.

        Args:
            kind: `"train"` or `"test"`.
            data: the data.
            choice: the program.
            watch: whether a block ends with the first loss that is not finite.
            whole: whether epochs over arrays go on in one call each.
        """
        name, xla = choice.name, choice.xla
        cls: Any = ArrayProgram if isinstance(data, Arrays) else StreamProgram
        if kind == "train" and self.own_program is not None:
            cls = self.own_program
        program = self.kept(
            (kind, name, xla, watch, data.signature(), data.identity),
            lambda: cls(self._job(data, kind, watch), data, name, xla),
        )
        program.data, program.whole = data, whole
        if kind == "train":
            self.residence = data.residence
        return program

    def release(self, kind: str) -> None:
        """Let go of the data: a trainer outlives them, and would keep copies and open iterators."""
        for (key, _), program in self._programs.items():
            if key[0] == kind:
                program.data = None
                if isinstance(program, ArrayProgram):
                    program.forget()

    def asked_for(self, data: Source) -> Choice | None:
        """The program that was asked for by name; None for `"auto"`."""
        if self.own_program is not None:
            return Choice("step", False, "each batch goes to the worker that is free")
        if self.model.run_eagerly:
            return Choice("eager", False, "the model is compiled with run_eagerly=True")
        if tf.config.functions_run_eagerly():
            return Choice("eager", False, "tf.config.run_functions_eagerly(True) asks for it")
        if self.execution == "auto":
            return None
        name, _, option = self.execution.partition("+")
        if isinstance(data, Arrays) or name != "epoch":
            return Choice(name, option == "xla", "asked for")
        raise ValueError(
            "execution='epoch' needs data in memory: arrays, not batches that arrive one by one. "
            f"Use 'fused' or 'auto'. Received x of type {type(data.dataset).__name__}."
        )

    def prepare_own_step(self, data: Source, kind: str) -> None:
        """Create the variables of a step that only its author knows, by tracing it."""
        if (choice := self.asked_for(data)) is None or choice.name != "eager":
            batch = data.head(2**31 - 1)
            function(self.step(data, kind)).get_concrete_function(batch)

    def step(self, data: Source, kind: str) -> Step:
        """The step of a kind; to a model's own one `x` alone comes bare, as in Keras."""
        step = self.steps[kind]
        if data.lone and overrides(self.model, f"{kind}_step"):
            return lambda batch: step(batch[0])
        return step

    def _job(self, data: Source, kind: str, watch: bool) -> Job:
        begin = self.model.reset_metrics if self.resets_in_graph() else None
        return Job(
            self.step(data, kind), self._finish, begin, self._loss_is_finite if watch else None
        )

    def _finish(self, logs: Logs) -> Logs:
        """What to report: the model's metrics, or what the step returned if that is another."""
        logs, metrics = flat(logs or {}), flat(self.model.get_metrics_result())
        if not logs:
            return metrics
        if logs.keys() != metrics.keys():
            return logs
        tracker = self.model_step.tracker()
        if tracker is not None:
            # A step of a user's own need not update the tracker; Keras reports 0 then.
            mean, last = tracker.result(), logs[tracker.name]
            metrics[tracker.name] = tf.where(tracker.count > 0, mean, tf.cast(last, mean.dtype))
        return metrics

    def _loss_is_finite(self, logs: Logs) -> Any:
        if "loss" in logs:
            return tf.reduce_all(tf.math.is_finite(logs["loss"]))
        tracker = self.model_step.tracker()
        if tracker is None:
            raise ValueError(
                "A callback watches for a loss that is not finite, but the model keeps its loss "
                "itself: its `metrics` do not begin with Keras' loss tracker."
            )
        return tf.math.is_finite(tracker.result())

    def resets_in_graph(self) -> bool:
        """Whether the metrics can be reset inside a program: nothing of theirs is in Python."""
        if type(self.model).reset_metrics is not keras.Model.reset_metrics:
            return False
        modules = [type(m).__module__.partition(".")[0] for m in self.model.metrics]
        return all(module in ("keras", "mlkit") for module in modules)

    def reset_metrics(self) -> None:
        """Reset the metrics before an epoch, unless the program does it."""
        if not self.resets_in_graph():
            self.model.reset_metrics()

    def for_evaluation(self, data: Source) -> Choice:
        """Evaluation takes the program of training, as far as the data allow it."""
        choice = self.asked_for(data) if self.execution != "auto" else self.choice
        if choice is None or choice.name in ("step", "fused", "epoch"):
            name = "epoch" if isinstance(data, Arrays) else "fused"
            return Choice(name, choice is not None and choice.xla, "evaluation")
        return choice

    def evaluate(self, data: Source, callback_list: Any) -> dict[str, Any]:
        """One pass over some data with the test step."""
        callback_list.on_test_begin()
        self.reset_metrics()
        if not isinstance(data, Arrays):
            data.rewind()
        choice = self.for_evaluation(data)
        with self.averaged():
            raw, _ = self.program("test", data, choice).run(0, 0, data.steps)
        logs = to_python(raw)
        self.release("test")
        callback_list.on_test_end(logs)
        return logs

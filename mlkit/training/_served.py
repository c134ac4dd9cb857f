"""Parameter servers: the variables lie on servers, and each worker trains on its own batches."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from mlkit.training._programs import Job, Logs
from mlkit.training._replicated import Replicated
from mlkit.training._served_program import ServedProgram
from mlkit.training._sources import Source
from mlkit.training._update import LossScale


class Served(Replicated):
    """Stands where `Replicated` stands, for a `ParameterServerStrategy`.

    A batch is one update of one worker. The workers do not wait for one another, so that an update
    may be computed from weights of a moment ago, two that meet may count as one (Keras reads, adds
    and writes), and no two runs are alike. What is left by a worker that dies, another one does.

    Args:
        strategy: a `tf.distribute.ParameterServerStrategy`.
        model: a compiled model; one that is not of the strategy's scope is rebuilt inside of it.
    """

    def __init__(self, strategy: tf.distribute.Strategy, model: keras.Model) -> None:
        super().__init__(strategy, model)
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    def program(self, job: Job, data: Source, name: str, xla: bool) -> Any:
        """The program of training: what `ArrayProgram` is on one device."""
        return ServedProgram(self._coordinator, job, data)

    def steps(self, trainer: Any) -> dict[str, Callable[[Any], Any]]:
        """The steps of a trainer: training is the workers', all else this process does itself."""

        def train(batch: Any) -> Logs:
            return self.strategy.run(trainer.train_step, args=(batch,))

        return {"train": train, "test": trainer.test_step, "predict": trainer.predict_step}

    def refuse(self, trainer: Any) -> None:
        """Raise `ValueError` for what rests on an exact count of updates."""
        super().refuse(trainer)
        if trainer.execution not in ("auto", "step"):
            raise ValueError(
                "Parameter servers run one batch a call: execution must be 'auto' or 'step'. "
                f"Received: {trainer.execution!r}"
            )
        counted = [
            ("ema", trainer.ema is not None),
            ("a LossScaleOptimizer", isinstance(trainer.optimizer, LossScale)),
        ]
        for name, given in counted:
            if given:
                raise ValueError(
                    f"{name} rests on the number of updates, which parameter servers keep only "
                    "about: workers that meet count as one. Leave it out, or use "
                    "MultiWorkerMirroredStrategy."
                )

    def describe(self) -> list[str]:
        return [
            "ParameterServerStrategy; a batch is one update of one worker",
            "workers do not wait for one another: metrics of training and the optimizer's",
            "iterations are approximate; evaluation and prediction are done here, exactly",
        ]

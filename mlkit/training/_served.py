"""Parameter servers: the variables lie on servers, and each worker trains on its own batches."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from mlkit.training._arrays import Arrays
from mlkit.training._programs import Job, Logs
from mlkit.training._replicated import Replicated
from mlkit.training._sources import Source
from mlkit.training._stream import Stream
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


class ServedProgram:
    """Gives the batches of a block, in their order, to the workers that are free.

    Args:
        coordinator: of the cluster.
        job: what to run.
        data: the data, which this process reads.
    """

    whole = False

    def __init__(self, coordinator: Any, job: Job, data: Source) -> None:
        self._coordinator, self.job, self.data = coordinator, job, data
        self._step = tf.function(job.step, input_signature=[self._spec()])

    def _spec(self) -> Any:
        if isinstance(self.data, Stream):
            return self.data.element_spec
        return keras.tree.map_structure(
            lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), self.data.head(1)
        )

    def run(self, epoch: int, start: int, stop: int | None) -> tuple[Logs, int]:
        """Run the steps [start, stop) of an epoch, or fewer if the data end.

        Raises:
            RuntimeError: a server has ended, and the variables on it are lost.
        """
        if start == 0 and self.job.begin is not None:
            self.job.begin()
        done = 0
        try:
            for batch in self._batches(epoch, start, stop):
                self._coordinator.schedule(self._step, args=(batch,))
                done += 1
            self._coordinator.join()
        except tf.errors.UnavailableError as error:
            raise RuntimeError(
                "A parameter server has ended, and with it the variables that it held. Start all "
                "again: a run (run=...) goes on from its last checkpoint. The error was: "
                f"{str(error).splitlines()[0]:.200}"
            ) from error
        return self.job.finish({}), done

    def _batches(self, epoch: int, start: int, stop: int | None) -> Iterator[Any]:
        if isinstance(self.data, Arrays):
            yield from self._of_arrays(self.data, epoch, start, stop)
            return
        i = start
        while stop is None or i < stop:
            batch = next(self.data.iterator)
            if self.data.marked:
                batch, more = batch
                if not bool(more):
                    return
            yield batch
            i += 1

    def _of_arrays(self, data: Arrays, epoch: int, start: int, stop: Any) -> Iterator[Any]:
        key = tf.constant([data.seed, epoch], tf.int64)
        order = data.order(key)
        tensors = data.for_epoch(data.tensors, key)
        for i in range(start, stop):
            chosen = order[i * data.batch_size : (i + 1) * data.batch_size]
            batch = keras.tree.map_structure(lambda t, c=chosen: tf.gather(t, c), tensors)
            yield batch if data.finish is None else data.finish(batch)

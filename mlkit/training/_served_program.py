"""The program of training with parameter servers: each batch goes to a worker that is free."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from mlkit.training._arrays import Arrays
from mlkit.training._programs import Job, Logs
from mlkit.training._sources import Source
from mlkit.training._stream import Stream


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

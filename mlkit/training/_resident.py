"""A pipeline whose examples are all in memory, as arrays for the programs that want them."""

from typing import Any

import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data import Pipeline, keys
from mlkit.training._arrays import Arrays


class ResidentPipeline(Arrays):
    """The batches of a pipeline, bit for bit, cut from its rows by the program itself.

    Args:
        pipeline: one for which `is_resident` is true.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        rows = pipeline.source.rows
        nest = rows if isinstance(rows, tuple) else (rows,)
        super().__init__(
            nest, batch_size=pipeline.batch_size, shuffle=pipeline.training, seed=pipeline.seed
        )
        if pipeline.drop_remainder:
            self.remainder = 0
        self._pipeline, self._bare = pipeline, not isinstance(rows, tuple)
        if pipeline.transforms:
            self.finish = self._finish
            self.identity = id(pipeline)  # alive as long as the program that was traced with it

    @property
    def lone(self) -> bool:
        return not isinstance(self._pipeline.element_spec, tuple)

    def order(self, key: Tensor) -> Tensor:
        return tf.cast(self._pipeline.order(key[1]), tf.int32)

    def for_epoch(self, tensors: Any, key: Tensor) -> Any:
        """With the random key of each example in this epoch, where one is drawn from."""
        if self.finish is None:
            return tensors
        words = keys(self.seed, key[1], tf.range(self.size, dtype=tf.int64))
        return tensors, tf.bitcast(words, tf.int64)  # what every device can gather

    def head(self, count: int) -> Any:
        first = super().head(count)
        if self.finish is None:
            return first
        key = self.for_epoch((), tf.constant([self.seed, 0], tf.int64))[1]
        return self._finish((first, key[: tf.nest.flatten(first)[0].shape[0]]))

    def seen(self) -> Any:
        return self.tensors if self.finish is None else self.head(self.batch_size)

    def _finish(self, batch: Any) -> Any:
        rows, key = batch
        made = self._pipeline.transform_by(
            rows[0] if self._bare else rows, tf.bitcast(key, tf.uint64)
        )
        return made if isinstance(made, tuple) else (made,)


def is_resident(pipeline: Pipeline, steps: int | None) -> bool:
    """Whether the examples of a pipeline can be cut from its rows, epoch after epoch."""
    leaves = tf.nest.flatten(pipeline.source.rows) if pipeline.source.resident else []
    return (
        bool(leaves)
        and all(isinstance(leaf, tf.Tensor) for leaf in leaves)
        and pipeline.epochs is None
        and pipeline.training
        and pipeline.first_step == 0
        and steps in (None, pipeline.steps_per_epoch)
    )

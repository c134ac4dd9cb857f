"""What a step must know of the replica that runs it; on one device there is nothing to know."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.types import Tensor

Share = Callable[[Any, Any], Tensor]


def replica_count() -> int:
    """How many replicas share the batch of this step: 1 outside of `strategy.run`."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


@dataclass(frozen=True)
class Part:
    """The part of a batch that one replica runs.

    Args:
        whole: the batch of all replicas; None in a loop of the user's own, where nobody knows it.
        portion: examples of the part, in examples of the whole.
        present: whether there is an example for this replica; None: for sure. Where there is none
            it runs the first one, and that counts for nothing.
    """

    whole: Any
    portion: Any
    present: Any = None

    def weight_by(self, share: Share) -> Share:
        """A share of a part of this replica's examples as a share of the whole batch."""

        def weight(piece: Any, part: Any) -> Tensor:
            if self.whole is None:
                return share(piece, part) * self.portion
            found = share(piece, self.whole)
            return found if self.present is None else tf.where(self.present, found, 0.0)

        return weight


# A variable of the context, as each replica is traced in a thread of its own.
_PART: ContextVar[Part | None] = ContextVar("part", default=None)


@contextmanager
def running(part: Part) -> Iterator[None]:
    """Tell the step that runs inside which part of the batch it has."""
    token = _PART.set(part)
    try:
        yield
    finally:
        _PART.reset(token)


def known_part() -> Part | None:
    """The part that the trainer gave to this replica; None on one device, and in other loops."""
    return _PART.get()


def part_of(batch: Any, examples: Callable[[Any], Any]) -> Part | None:
    """The part that this replica has; None on one device.

    Args:
        batch: the replica's examples.
        examples: counts those of a batch.
    """
    part = _PART.get()
    if part is not None or replica_count() == 1:
        return part
    mine = tf.cast(examples(batch), tf.float32)
    context: Any = tf.distribute.get_replica_context()
    return Part(None, mine / context.all_reduce(tf.distribute.ReduceOp.SUM, mine))


def summed(gradients: Sequence[Any]) -> list[Any]:
    """The gradients summed over replicas; None stays None."""
    there = [g for g in gradients if g is not None]
    context: Any = tf.distribute.get_replica_context()
    sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, there) if there else [])
    return [None if g is None else next(sums) for g in gradients]


def once_in_all(gradient: Any, *, by_parts: bool) -> Any:
    """What each replica gives to `optimizer.apply`, which sums: all are the gradient once.

    Args:
        gradient: the same in all replicas.
        by_parts: whether each gives an equal part, for an optimizer that clips (`clipping_shared`);
            else replica 0 gives all, which is exact for any number of replicas.
    """
    if gradient is None:
        return None
    context: Any = tf.distribute.get_replica_context()
    if by_parts:
        # Rows that stand there twice would not be clipped as one.
        gradient = tf.convert_to_tensor(gradient)
        return gradient / tf.cast(context.num_replicas_in_sync, gradient.dtype)
    mine = tf.equal(context.replica_id_in_sync_group, 0)
    if isinstance(gradient, tf.IndexedSlices):
        values = gradient.values * tf.cast(mine, gradient.dtype)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient * tf.cast(mine, gradient.dtype)


def inner_optimizers(optimizer: Any) -> list[Any]:
    """An optimizer and those inside it."""
    inner = getattr(optimizer, "inner_optimizer", None)
    several = getattr(optimizer, "optimizers", None)
    found = list(several.values()) if isinstance(several, dict) else []
    found += [] if inner is None else [inner]
    return [optimizer, *(o for one in found for o in inner_optimizers(one))]


CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


def clips(optimizer: Any) -> bool:
    """Whether an optimizer clips gradients itself."""
    return any(
        getattr(o, name, None) is not None for o in inner_optimizers(optimizer) for name in CLIPPING
    )


def sums_first(optimizer: Any) -> bool:
    """Whether an optimizer does nothing with a gradient before it sums over replicas."""
    return type(optimizer).apply is keras.Optimizer.apply and not clips(optimizer)


@contextmanager
def clipping_shared(optimizer: Any, replicas: int) -> Iterator[None]:
    """Let an optimizer clip gradients that are divided by the number of replicas.

    Its `apply` sums over replicas after clipping, so that it is given 1/R of the sum by each: its
    limits must be 1/R too. Held while a step is traced, around all replicas.
    """
    limits = [
        (o, name, getattr(o, name))
        for o in inner_optimizers(optimizer)
        for name in CLIPPING
        if getattr(o, name, None) is not None
    ]
    try:
        for one, name, value in limits:
            setattr(one, name, value / replicas)
        yield
    finally:
        for one, name, value in limits:
            setattr(one, name, value)

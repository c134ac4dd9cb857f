"""The replicas of a strategy: each runs its part of a batch, and the parts are put together.

Beside it `model.fit` of Keras 3.15 on two replicas: an optimizer clips before the sum, and a last
batch of one example counts as much as a full one, so that the weights are 30 to 100 % off those of
one device; a NaN on one replica reaches the weights under fp16; accumulation, EMA, several steps a
call, a first batch that does not divide, and two processes are errors. Here all of these end within
1e-6 of one device (`tests/distributed/keras_beside.py` prints both).
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit._state.variables import variables_of
from mlkit.training._arrays import Arrays
from mlkit.training._endless import Endless
from mlkit.training._model_step import ModelStep, overrides
from mlkit.training._programs import Logs
from mlkit.training._rebuild import give_back, leaves, owns, rebuilt_inside
from mlkit.training._replica import (
    Part,
    Share,
    clipping_shared,
    inner_optimizers,
    running,
)
from mlkit.training._sources import Source
from mlkit.training._update import examples, piece
from mlkit.training._workers import (
    bytes_of,
    facts_of_data,
    facts_of_model,
    lost_peers_named,
    workers_of,
)

# Added to the first number of a seed, times the number of the replica: a prime near 2**31 / phi.
_APART = 1_327_217_909


class Replicated:
    """Splits batches over the replicas of a strategy and joins what they return.

    A batch is the one that one device would run. Replica r of R takes its examples from r n / R to
    (r + 1) n / R, so that all of them are run once, in the order of one device; every worker reads
    all data and takes its own part.

    Args:
        strategy: a `tf.distribute` strategy.
        model: a compiled model; one that is not of the strategy's scope is rebuilt inside of it.
    """

    def __init__(self, strategy: tf.distribute.Strategy, model: keras.Model) -> None:
        self.strategy, self._given = strategy, model
        self.workers = workers_of(strategy)
        if self.workers is not None:
            # Before the variables are made: TensorFlow gives all workers the values of the first.
            self.workers.check_same(facts_of_model(model))
        self.model = rebuilt_inside(strategy, model)

    @property
    def count(self) -> int:
        return self.strategy.num_replicas_in_sync

    @contextmanager
    def scope(self) -> Iterator[None]:
        """The strategy's scope, in which the loss of a worker has a sentence that names it."""
        with lost_peers_named(self.workers), self.strategy.scope():
            yield

    def give_back(self) -> None:
        """Put what was learned into the model that was given, if that is another."""
        give_back(self.model, self._given)

    def prepare(self, model_step: ModelStep, batch: Any, share: Share | None) -> None:
        """Create every variable that one batch needs."""
        model_step.prepare_in(self.strategy, batch)
        model_step.share = share

    def common_seed(self, seed: int | None) -> int | None:
        """The seed of the data, drawn by the chief where several workers have none."""
        if self.workers is None:
            return seed
        return self.workers.of_chief(random.getrandbits(31) if seed is None else seed)

    def agree(self, trainer: Any, data: Source) -> None:
        """Give all workers the chief's order of the data, and see that they do the same job.

        Raises:
            ValueError: they do not; on every worker. Or the full batches do not divide.
        """
        self._check_batch(data)
        if self.workers is None:
            return
        if isinstance(data, Arrays):
            data.seed = self.workers.of_chief(data.seed)
        elif isinstance(data, Endless):
            data.reseed(self.workers.of_chief(data.seed))
        self.workers.check_same(
            {
                "an option of the trainer": (trainer.accumulate, trainer.execution, trainer.seed),
                "the gradient transforms": [repr(g) for g in trainer.gradients],
                **facts_of_data(data),
                "the weights": bytes_of(self.model.variables),
            }
        )

    def _check_batch(self, data: Source) -> None:
        """Raise `ValueError` if the full batches do not divide by the replicas."""
        size = getattr(data, "batch_size", None)
        if size is None or size % self.count == 0 or data.steps == 1:
            return
        down = size - size % self.count
        raise ValueError(
            f"`batch_size` is that of all {self.count} replicas together and must divide by "
            f"their number. Received: batch_size={size}. Give {down or self.count} or "
            f"{down + self.count}."
        )

    # Makes the program of training, where it is not one of ours for a single process.
    program: Any = None
    no_xla = "XLA does not compile steps under a strategy"

    def steps(self, trainer: Any) -> dict[str, Callable[[Any], Any]]:
        """The steps of a trainer by kind, over the replicas."""
        return {
            "train": self.train(trainer.train_step),
            "test": self.test(trainer.test_step),
            "predict": self.predict(trainer.predict_step),
        }

    def refuse(self, trainer: Any) -> None:
        """Raise `ValueError` for what cannot be run under the strategy, or not exactly."""
        refuse_on_replicas(trainer, self)

    def train(self, step: Callable[[Any], Logs]) -> Callable[[Any], Logs]:
        """A training step over the replicas, from one over a replica's part."""
        return lambda batch: self._run(step, batch, training=True)

    def test(self, step: Callable[[Any], Logs]) -> Callable[[Any], Logs]:
        """An evaluation step over the replicas."""
        return lambda batch: self._run(step, batch, training=False)

    def predict(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A prediction step over the replicas: the outputs in the order of the batch."""

        def replicated(batch: Any) -> Any:
            def one(batch: Any) -> Any:
                part, mine = self.part(batch)
                outputs = step(mine)
                if part.present is None:
                    return outputs
                count = tf.cast(part.present, tf.int32)
                return keras.tree.map_structure(lambda t: t[: tf.shape(t)[0] * count], outputs)

            return keras.tree.map_structure(self._joined, self.strategy.run(one, args=(batch,)))

        return replicated

    def _joined(self, values: Any) -> Tensor:
        parts = self.strategy.experimental_local_results(values)
        if len(parts) == self.count:
            return tf.concat(parts, 0)
        return self.strategy.gather(values, axis=0)

    def part(self, batch: Any) -> tuple[Part, Any]:
        """In a replica: its part of a batch, and the examples of it."""
        context: Any = tf.distribute.get_replica_context()
        index, total = context.replica_id_in_sync_group, examples(batch)
        if self.count == 1:
            return Part(batch, 1.0), batch
        static = tf.get_static_value(index)
        if static is not None:
            index = int(static)
        start, stop = index * total // self.count, (index + 1) * total // self.count
        present = None
        if isinstance(start, int):
            if start == stop:
                present, start, stop = tf.constant(False), 0, 1
        else:
            present = stop > start
            start = tf.minimum(start, total - 1)
            stop = tf.maximum(stop, start + 1)
        mine = keras.tree.map_structure(lambda t: piece(t, start, stop - start), batch)
        portion = tf.cast(stop - start, tf.float32) / tf.cast(total, tf.float32)
        return Part(batch, portion if present is None else _where(present, portion), present), mine

    def _run(self, step: Callable[[Any], Logs], batch: Any, *, training: bool) -> Logs:
        def one(batch: Any) -> Logs:
            part, mine = self.part(batch)
            metrics = self._metrics() if part.present is not None else []
            before = [tf.identity(v.value) for v in metrics]
            with running(part):
                self._move_seeds(1)
                logs = step(mine)
                self._move_seeds(-1)
            if training and self.count > 1:
                self._average_statistics(part)
            for variable, value in zip(metrics, before, strict=True):
                variable.assign(tf.where(part.present, variable.value, value))
            return {k: tf.cast(v, tf.float32) * part.portion for k, v in logs.items()}

        with clipping_shared(self.model.optimizer, self.count):
            logs = self.strategy.run(one, args=(batch,))
        return {k: self.strategy.reduce("SUM", v, axis=None) for k, v in logs.items()}

    def _metrics(self) -> list[Any]:
        return [v for m in self.model.metrics for v in m.variables]

    def _move_seeds(self, sign: int) -> None:
        """Give each replica random numbers of its own, and after the step the common state again.

        Replica 0 draws what one device would. Between steps all replicas hold the same state, so
        that it can be saved, and go on with another number of replicas.
        """
        context: Any = tf.distribute.get_replica_context()
        if self.count == 1:
            return
        for state in seed_states(self.model):
            index = tf.cast(context.replica_id_in_sync_group, state.value.dtype)
            state.assign(state.value + sign * _APART * index * tf.constant([1, 0], index.dtype))

    def _average_statistics(self, part: Part) -> None:
        """Average what layers keep (of batch normalisation) over replicas, by their examples."""
        kept = statistics(self.model)
        if not kept:
            return
        context: Any = tf.distribute.get_replica_context()
        values = [v.value * tf.cast(part.portion, v.value.dtype) for v in kept]
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, values)
        for variable, value in zip(kept, sums, strict=True):
            variable.assign(value)

    def describe(self) -> list[str]:
        """What a person should know, a line each."""
        lines = [f"{self.count} of {_name(self.strategy)}; batch sizes are those of all"]
        if self.workers is not None:
            lines += ["several processes; the chief calls the callbacks and writes"]
        if self.count > 1:
            lines += ["gradients are summed, then transformed, then applied, once"]
            lines += [f"batch norm: {text}" for text in _batch_norms(self.model)]
            if seed_states(self.model):
                lines += ["random layers: replica 0 draws what one device does, others their own"]
        return lines


def _name(strategy: tf.distribute.Strategy) -> str:
    """The public name: that of the class may be another."""
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return "MultiWorkerMirroredStrategy" if several else type(strategy).__name__


def _where(present: Any, portion: Any) -> Tensor:
    return tf.where(present, portion, 0.0)


def _batch_norms(model: keras.Model) -> list[str]:
    layers = [x for x in leaves(model) if isinstance(x, keras.layers.BatchNormalization)]
    kinds = {bool(layer.synchronized) for layer in layers if layer.trainable}
    texts = {
        True: "synchronized=True, the statistics of the whole batch",
        False: "the statistics of a replica's part; the moving averages are averaged",
    }
    return [texts[kind] for kind in sorted(kinds)]


def seed_states(model: keras.Model) -> list[Any]:
    """The states of a model's seed generators."""
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]


def statistics(model: keras.Model) -> list[Any]:
    """The variables that layers change by themselves while they train."""
    layers = [x for x in leaves(model) if x.trainable and not hasattr(x, "layers")]
    own = [v for x in layers for v in x.non_trainable_variables]
    return [
        v
        for v in {id(v): v for v in own}.values()
        if v.dtype.startswith(("float", "bfloat"))
        and v.aggregation == "none"
        and v.synchronization != "on_read"
    ]


def refuse_on_replicas(trainer: Any, replicated: Replicated) -> None:
    """Raise `ValueError` for what cannot be run under the strategy, or not exactly."""
    if trainer.execution.endswith("+xla"):
        raise ValueError(
            f"XLA does not compile steps under a strategy. Received: execution="
            f"{trainer.execution!r}. Give {trainer.execution.removesuffix('+xla')!r} or 'auto'."
        )
    for transform in trainer.gradients:
        if not owns(replicated.strategy, variables_of(transform)):
            raise ValueError(
                "A transform in `gradients` has variables that were made outside of the strategy's "
                f"scope: make it in `with strategy.scope():`. Received: {transform!r}"
            )
    if replicated.count == 1:
        return
    _refuse_own_steps(trainer)
    for one in inner_optimizers(trainer.optimizer):
        for name, way in (
            ("gradient_accumulation_steps", "mk.Trainer(accumulate=...)"),
            ("ema_overwrite_frequency", "mk.Trainer(ema=...)"),
        ):
            given = getattr(one, name, None)
            if given and (name != "ema_overwrite_frequency" or one.use_ema):
                raise ValueError(
                    f"{type(one).__name__}({name}={given}) does not work on several replicas. Use "
                    f"{way} in its place."
                )


def _refuse_own_steps(trainer: Any) -> None:
    for name in ("train_step", "test_step"):
        if overrides(trainer.model, name):
            raise ValueError(
                f"{type(trainer.model).__name__} has its own {name}, of which nobody knows how it "
                "shares a batch between replicas. Override it in a subclass of mk.Trainer, with "
                "mk.training.value_and_grad and self.apply_gradients."
            )

"""The canonical order of an input pipeline, once and right."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.types import Tensor
from mlkit.data._random import fold, keys
from mlkit.data._resumable import check_resumable
from mlkit.data._shuffle import epoch_order, shuffled
from mlkit.data._source import (
    Indexed,
    as_source,
    call,
    fits_decoded,
    human,
    kept,
    small_checkpoints,
    spec_text,
)

_FOREVER = 2**62
_CHUNK = 32  # examples that one call loads: 3.8 times as fast as one by one, for PNG of 32x32


class Pipeline(tf.data.Dataset):
    """A `tf.data.Dataset` of batches that knows its position.

    `mk.data.pipeline` makes it. Its attributes are what a training loop asks for: `source` (its
    `rows` are the resident tensors), `size`, `batch_size`, `steps_per_epoch`, `epochs` (None: no
    end), `seed` and `training`.

    Args:
        source: an indexed source of examples.
        settings: the arguments of `mk.data.pipeline`, by name.
        first_step: number of the batch to begin with, counted over all epochs.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> ds = mk.data.pipeline(np.arange(10), 4, seed=1)
        >>> isinstance(ds, mk.data.Pipeline), ds.size, ds.steps_per_epoch
        (True, 10, 3)
        >>> next(iter(ds.at(epoch=5, step=2))).shape
        TensorShape([2])
    """

    def __init__(self, source: Indexed, settings: dict[str, Any], first_step: int = 0) -> None:
        self.source, self._settings = source, settings
        self.size, self.batch_size = source.size, settings["batch_size"]
        self.seed, self.training = settings["seed"], settings["training"]
        self.epochs, self.drop_remainder = settings["epochs"], settings["drop_remainder"]
        self.first_step = first_step
        whole, rest = divmod(self.size, self.batch_size)
        self._last = 0 if self.drop_remainder else rest  # examples in the last batch
        self.steps_per_epoch = whole + bool(self._last)
        self._dataset = small_checkpoints(self._build())
        super().__init__(tf.data.experimental.to_variant(self._dataset))

    # What the training loop asks for.

    def order(self, epoch: int | Tensor) -> Tensor:
        """The indices of an epoch in the order in which it visits them, shape (size,), int64."""
        if not self.training:
            return tf.range(self.size, dtype=tf.int64)
        return epoch_order(self.size, self.seed, epoch)

    def batch_of(self, index: Tensor, epoch: int | Tensor = 0) -> Any:
        """The batch of these examples as this epoch sees them: a pure function, for any program."""
        rows = self.source.take_rows(index)
        return self.transform(self.source.load_batch(rows), index, epoch)

    def transform(self, batch: Any, index: Tensor, epoch: int | Tensor = 0) -> Any:
        """`map`, then `augment` (when training), on a batch of examples with these indices."""
        return self.transform_by(batch, keys(self.seed, epoch, index))

    def transform_by(self, batch: Any, key: Tensor) -> Any:
        """`map`, then `augment` (when training), with the random key of each example."""
        if self._settings["map"] is not None:
            batch = call(self._settings["map"], batch)
        if self.training:
            for place, augment in enumerate(self._settings["augment"]):
                batch = augment(batch, fold(key, place))  # each draws numbers of its own
        return batch

    @property
    def transforms(self) -> bool:
        """Whether a batch is anything but rows of the source."""
        return self._settings["map"] is not None or bool(
            self.training and self._settings["augment"]
        )

    def at(self, epoch: int = 0, step: int = 0) -> "Pipeline":
        """The same pipeline from a position on, without reading what lies before it.

        Args:
            epoch: number of the epoch, counted from 0.
            step: number of the batch in that epoch, counted from 0.

        Returns:
            Pipeline.

        Raises:
            ValueError: the position is past the end.
        """
        check_integer("epoch", epoch, low=0, high=None if self.epochs is None else self.epochs)
        check_integer("step", step, low=0, high=self.steps_per_epoch)
        return Pipeline(self.source, self._settings, epoch * self.steps_per_epoch + step)

    def small_twin(self) -> "Pipeline":
        """The same operations over one row: what `check_resumable` looks into."""
        if isinstance(self.source.rows, range):
            return self  # holds no tensors that would be too large to look into
        one = self.source.select([0])
        return Pipeline(one, {**self._settings, "batch_size": 1, "drop_remainder": False})

    # How it is built.

    def _build(self) -> tf.data.Dataset:
        parallel = self._settings["parallel"]
        end = _FOREVER if self.epochs is None else self.epochs * self.steps_per_epoch
        if self.source.load_row is None:
            steps = tf.data.Dataset.range(self.first_step, end)
            dataset = steps.map(self._batch_at, parallel, deterministic=True)
        else:
            dataset = self._build_by_chunk(end)
        if self.epochs is None:
            # Not 2**62 batches: who asks for the cardinality is to see that there is no end.
            dataset = dataset.apply(
                tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            )
        return dataset.prefetch(self._settings["prefetch"])

    def _build_by_chunk(self, end: int) -> tf.data.Dataset:
        """Examples are loaded some at a time, in parallel, and then batched."""
        parallel, (chunks, _) = self._settings["parallel"], self._chunks
        first, last = self.first_step * chunks, min(end * chunks, _FOREVER)
        loaded = tf.data.Dataset.range(first, last).map(
            self._load_chunk, parallel, deterministic=True
        )
        batches = loaded.batch(chunks, drop_remainder=True)
        steps = tf.data.Dataset.range(self.first_step, end)
        return tf.data.Dataset.zip((steps, batches)).map(self._finish, parallel, deterministic=True)

    @property
    def _chunks(self) -> tuple[int, int]:
        """(chunks of a batch, examples of a chunk)."""
        chunks = -(-self.batch_size // _CHUNK)
        return chunks, -(-self.batch_size // chunks)

    def _position(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """(epoch, indices of the examples) of a batch."""
        epoch, place = step // self.steps_per_epoch, step % self.steps_per_epoch
        first = place * self.batch_size
        if self._last:
            position = tf.range(first, tf.minimum(first + self.batch_size, self.size))
        else:
            position = first + tf.range(self.batch_size, dtype=tf.int64)
        return epoch, self._index(position, epoch)

    def _index(self, position: Tensor, epoch: Tensor) -> Tensor:
        return shuffled(position, self.size, self.seed, epoch) if self.training else position

    def _batch_at(self, step: Tensor) -> Any:
        epoch, index = self._position(step)
        return self.batch_of(index, epoch)

    def _load_chunk(self, number: Tensor) -> Any:
        chunks, length = self._chunks
        step, chunk = number // chunks, number % chunks
        epoch, place = step // self.steps_per_epoch, step % self.steps_per_epoch
        position = place * self.batch_size + chunk * length + tf.range(length, dtype=tf.int64)
        # A short batch is filled up here and cut below, so that the position stays a number.
        index = self._index(tf.minimum(position, self.size - 1), epoch)
        return self.source.load_batch(self.source.take_rows(index))

    def _finish(self, step: Tensor, chunks: Any) -> Any:
        epoch, index = self._position(step)

        def join(leaf: Any) -> Any:
            count = tf.shape(index)[0] if self._last else self.batch_size
            if isinstance(leaf, tf.RaggedTensor):
                return leaf.merge_dims(0, 1)[:count]
            joined = tf.reshape(leaf, tf.concat([[-1], tf.shape(leaf)[2:]], axis=0))
            size = None if self._last else count
            return tf.ensure_shape(joined[:count], [size, *leaf.shape[2:]])

        return self.transform(tf.nest.map_structure(join, chunks), index, epoch)

    # What tf.data and people ask for.

    def _inputs(self) -> list[tf.data.Dataset]:
        # The hook through which tf.data asks every data set for what it is made of.
        return [self._dataset]

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def __repr__(self) -> str:
        return "\n".join(describe_stages(self))

    __str__ = __repr__


def describe_stages(pipeline: Pipeline) -> list[str]:
    """What `print(pipeline)` shows, line by line."""
    settings, source = pipeline._settings, pipeline.source
    rest = f", last batch of an epoch {pipeline._last}" if pipeline._last else ""
    epochs = "for ever" if pipeline.epochs is None else f"{pipeline.epochs} epochs"
    memory = f", {human(source.nbytes)}" if source.nbytes else ""
    order = f"by index, seed {pipeline.seed}, another order each epoch"
    stages = [
        ("source", f"{source.size} {source.title}{memory}"),
        ("shuffle", order if pipeline.training else "none"),
        ("repeat", epochs if pipeline.epochs != 1 else "none"),
        ("batch", f"{pipeline.batch_size}{rest}"),
    ]
    if source.load_row is not None:
        stages.insert(3, ("load", f"{_name(source.load_row)}, in parallel"))
    if settings["map"] is not None:
        stages.append(("map", f"{_name(settings['map'])}, on batches"))
    if pipeline.training and settings["augment"]:
        names = ", ".join(_name(augment) for augment in settings["augment"])
        stages.append(("augment", f"{names}, on batches, keyed by (seed, epoch, index)"))
    stages.append(("prefetch", "automatic" if settings["prefetch"] < 0 else settings["prefetch"]))
    head = f"Pipeline: {pipeline.steps_per_epoch} steps an epoch, {epochs}"
    lines = [f"  {i} {name:9s}{text}" for i, (name, text) in enumerate(stages, 1)]
    return [head, *lines, f"  gives {spec_text(pipeline.element_spec)}"]


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or str(function)


def _examples(source: Any, cache: bool | None) -> Indexed:
    """The source, decoded once if that is wanted or fits."""
    if cache is not None:
        check_bool("cache", cache)
    indexed = as_source(source)
    if indexed.size == 0:
        raise ValueError("`source` is empty: it has no examples.")
    loads = indexed.load_row is not None
    return (
        kept(indexed) if loads and (fits_decoded(indexed) if cache is None else cache) else indexed
    )


def pipeline(
    source: Any,
    batch_size: int = 32,
    *,
    training: bool = True,
    map: Callable[..., Any] | None = None,
    augment: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
    seed: int = 0,
    epochs: int | None = None,
    drop_remainder: bool = False,
    cache: bool | None = None,
    parallel: int = tf.data.AUTOTUNE,
    prefetch: int = tf.data.AUTOTUNE,
    resumable: bool = True,
) -> Pipeline:
    """Make the input pipeline of a training or evaluation, in the right order.

    Source, cache, shuffle, repeat, batch, map, augment, prefetch. The order of an epoch is
    `mk.data.epoch_order(size, seed, epoch)`: global, without a buffer. Everything random is a
    function of (seed, epoch, index of the example), so the batches are the same for any number of
    parallel calls, and an iterator that is saved with `tf.train.Checkpoint(iterator=iterator)`
    continues exactly where it was, from some hundred bytes.

    The result is a `tf.data.Dataset` and composes with plain tf.data; `print` shows its stages.

    Args:
        source: arrays, a tuple or dict of arrays, a pandas DataFrame, what the `read_…` functions
            return, or a finite `tf.data.Dataset`, which is read into memory once.
        batch_size: examples in a batch, ≥ 1.
        training: True: shuffled, augmented, repeated. False: in order, one epoch, not augmented.
        map: function on a **batch**, with the elements of a tuple as arguments, or None.
        augment: function `(batch, key) -> batch`, or a sequence of them, such as those of
            `mk.data.augment`; `key` holds a random key for each example. Only in training.
        seed: integer; another seed gives another order and other pictures.
        epochs: number of epochs, ≥ 1. None: no end if `training`, else 1. In `model.fit` an
            endless one needs `steps_per_epoch=pipeline.steps_per_epoch`.
        drop_remainder: leave out the last, shorter batch of each epoch.
        cache: load and decode every example once, now, and keep the results in memory. None: if
            their size is known and at most a quarter of what is free. Arrays are there already.
        parallel: parallel calls, ≥ 1, or `tf.data.AUTOTUNE`. Changes the speed only.
        prefetch: batches made in advance, or `tf.data.AUTOTUNE`.
        resumable: refuse functions whose state cannot be saved. False: allow them.

    Returns:
        `Pipeline`, a `tf.data.Dataset` of batches.

    Raises:
        ValueError: a source without examples, arrays of different lengths, a batch size above the
            number of examples with `drop_remainder`, or a function that cannot be resumed.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x, y = np.zeros((100, 28, 28), "uint8"), np.zeros(100, "int32")
        >>> ds = mk.data.pipeline((x, y), 32, map=lambda x, y: (x[..., None], y))
        >>> ds.steps_per_epoch
        4
        >>> next(iter(ds))[0].shape
        TensorShape([32, 28, 28, 1])
    """
    check_integer("batch_size", batch_size, low=1)
    check_integer("seed", seed)
    check_bool("training", training)
    check_bool("drop_remainder", drop_remainder)
    if epochs is not None:
        check_integer("epochs", epochs, low=1)
    indexed = _examples(source, cache)
    if drop_remainder and indexed.size < batch_size:
        raise ValueError(
            f"With `drop_remainder` no batch is left: {indexed.size} examples, "
            f"batch_size={batch_size}. Give a smaller `batch_size`."
        )
    options = {
        "batch_size": batch_size,
        "training": training,
        "map": map,
        "augment": (augment,) if callable(augment) else tuple(augment),
        "seed": seed,
        "epochs": epochs if training or epochs is not None else 1,
        "drop_remainder": drop_remainder,
        "parallel": parallel,
        "prefetch": prefetch,
    }
    made = Pipeline(indexed, options)
    if resumable:
        check_resumable(made)
    return made

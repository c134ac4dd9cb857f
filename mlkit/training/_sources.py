"""From what a user gives as data to what the programs take."""

import random
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_integer, check_number
from mlkit.data import Pipeline
from mlkit.training._arrays import Arrays, convert, length
from mlkit.training._class_weight import weights_of
from mlkit.training._composite import composite_dataset, has_composite
from mlkit.training._endless import Endless
from mlkit.training._resident import ResidentPipeline, is_resident
from mlkit.training._stream import Stream, as_tuple, from_generator, from_py_dataset

Source: TypeAlias = Arrays | Stream


def pack(x: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
    """A tuple without the `None`s at its end."""
    if sample_weight is not None:
        return (x, y, sample_weight)
    return (x,) if y is None else (x, y)


def is_dataset(x: Any) -> bool:
    return isinstance(x, tf.data.Dataset)


def is_iterator(x: Any) -> bool:
    return isinstance(x, Iterator) or hasattr(x, "__next__")


def source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool = False,
    class_weight: Mapping[int, float] | None = None,
    seed: int | None = None,
    resident: bool = False,
) -> Source:
    """Arrays in memory, or a stream of batches, from all that `model.fit` takes.

    With `resident` a pipeline whose examples are in memory becomes arrays.
    """
    if batch_size is not None:
        check_integer("batch_size", batch_size, low=1)
    if steps is not None:
        check_integer("steps", steps, low=1)
    if isinstance(x, (Arrays, Stream)):
        return x
    seed = random.getrandbits(31) if seed is None else seed
    if is_dataset(x) or isinstance(x, keras.utils.PyDataset) or is_iterator(x):
        _refuse_with_batches(x, y, sample_weight, batch_size)
        if resident and isinstance(x, Pipeline) and not class_weight and is_resident(x, steps):
            return ResidentPipeline(x)
        return _stream(x, steps, shuffle, class_weight, seed)
    if x is None:
        raise ValueError("`x` must be data to train on. Received: x=None")
    nest = pack(convert(x, "x"), convert(y, "y"), convert(sample_weight, "sample_weight"))
    if has_composite(nest):
        batches = composite_dataset(nest, batch_size or 32, shuffle, seed)
        return _stream(batches, steps, shuffle, class_weight, seed)
    size = length(nest)
    if class_weight is not None:
        nest = _weighted(nest, class_weight)
    if steps is not None and steps * (batch_size or 32) != size:
        # Steps that are not an epoch: what comes next is where the last ones ended.
        return _endless(nest, batch_size or 32, steps, shuffle, seed)
    return Arrays(nest, batch_size=batch_size or 32, shuffle=bool(shuffle), seed=seed)


def training_source(*data: Any, **options: Any) -> Source:
    """As `source`, and a pipeline whose examples are in memory becomes arrays."""
    return source(*data, resident=True, **options)


def _refuse_with_batches(x: Any, y: Any, sample_weight: Any, batch_size: int | None) -> None:
    kind = type(x).__name__
    for name, value in {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}.items():
        if value is not None:
            raise ValueError(
                f"`{name}` must not be given when `x` yields batches of its own (a {kind}): "
                f"it must yield (x, y) or (x, y, sample_weight). Received: {name}={value!r:.80}"
            )


def _stream(x: Any, steps: Any, shuffle: bool, class_weight: Any, seed: int) -> Stream:
    sample = None
    if isinstance(x, keras.utils.PyDataset):
        dataset, sample = from_py_dataset(x, shuffle, seed)
    elif is_dataset(x):
        dataset = x
        if isinstance(x, Pipeline) and x.epochs is None and steps is None:
            steps = x.steps_per_epoch
    else:
        dataset, sample = _from_iterator(x)
    if class_weight is not None:
        dataset = dataset.map(lambda *batch: _weighted(batch, class_weight))
        sample = None if sample is None else _weighted(sample, class_weight)
    return Stream(dataset, steps=steps, sample=sample)


def _from_iterator(x: Any) -> tuple[tf.data.Dataset, Any]:
    """A generator can be read once: the first batch tells its structure and is then given back."""
    try:
        first = as_tuple(next(x))
    except StopIteration:
        raise ValueError("The generator given as `x` yields nothing.") from None
    state = {"first": first}

    def batches() -> Iterator[Any]:
        if "first" in state:
            yield state.pop("first")
        for batch in x:
            yield as_tuple(batch)

    return from_generator(batches, first), first


def _weighted(batch: tuple[Any, ...], class_weight: Mapping[int, float]) -> tuple[Any, ...]:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    if y is None or isinstance(y, (dict, list, tuple)):
        raise ValueError(
            "`class_weight` needs one array of labels `y`. For several outputs give "
            f"`sample_weight` by output. Received y of type {type(y).__name__}."
        )
    weights = weights_of(y, class_weight)
    if sample_weight is not None:
        weights = weights * tf.cast(sample_weight, weights.dtype)
    return (x, y, weights)


def _endless(nest: Any, batch_size: int, steps: int, shuffle: bool, seed: int) -> Stream:
    if shuffle:
        return Endless(nest, batch_size, steps, seed)
    # A dataset's elements are tuples; a list in `x` would be stacked.
    dataset = tf.data.Dataset.from_tensor_slices(nest)
    return Stream(dataset.batch(batch_size).repeat(), steps=steps)


def validation_source(data: Any, batch_size: int | None, steps: int | None) -> Source | None:
    """What to validate on, from `validation_data`."""
    if data is None:
        return None
    if not isinstance(data, (list, tuple)):
        return source(data, steps=steps)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
    return source(x, y, sample_weight, batch_size=batch_size, steps=steps)


def split_validation(
    x: Any, y: Any, sample_weight: Any, validation_split: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, ...]]:
    """The first part for training, the last `validation_split` of the examples for validation."""
    check_number("validation_split", validation_split, low=0, high=1, open_high=True)
    if is_dataset(x) or isinstance(x, keras.utils.PyDataset) or is_iterator(x):
        raise ValueError(
            "`validation_split` needs arrays. Split the dataset yourself (mlkit.data.split) and "
            "give the second part as `validation_data`."
        )
    nest = tuple(convert(v, n) for v, n in ((x, "x"), (y, "y"), (sample_weight, "sample_weight")))
    size = length([v for v in nest if v is not None])
    at = int(np.floor(size * (1.0 - validation_split)))
    if at in (0, size):
        raise ValueError(
            f"`validation_split`={validation_split} of {size} examples leaves one part empty."
        )

    def part(chosen: slice) -> tuple[Any, Any, Any]:
        return tuple(  # type: ignore[return-value]
            None if v is None else keras.tree.map_structure(lambda a: a[chosen], v) for v in nest
        )

    return part(slice(None, at)), part(slice(at, None))

"""Elements of one length."""

from typing import Any

import tensorflow as tf

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.types import Tensor


def pad(
    dataset: tf.data.Dataset, length: int, *, value: Any = 0, truncate: bool = False
) -> tf.data.Dataset:
    """Pad the first dimension of every component that varies to one length.

    After it all shapes are known, so `batch` works and nothing retraces. Components whose first
    dimension is known stay as they are.

    Args:
        dataset: a `tf.data.Dataset` of elements (not of batches).
        length: length to pad to, ≥ 1.
        value: what to pad numbers with; strings are padded with "".
        truncate: cut longer ones. False: they raise while reading, with their length.

    Returns:
        A `tf.data.Dataset` with shape (length, …) where the first dimension was unknown.

    Raises:
        ValueError: no component varies in its first dimension.

    Example:
        >>> import tensorflow as tf
        >>> import mlkit as mk
        >>> ds = mk.data.pad(tf.data.Dataset.range(1, 4).map(tf.range), 3)
        >>> next(iter(ds.batch(3))).numpy().tolist()
        [[0, 0, 0], [0, 1, 0], [0, 1, 2]]
    """
    check_integer("length", length, low=1)
    check_bool("truncate", truncate)
    if not any(_varies(spec) for spec in tf.nest.flatten(dataset.element_spec)):
        raise ValueError(
            f"No component varies in its first dimension: {dataset.element_spec}. "
            "`pad` comes before `batch`."
        )

    def pad_one(tensor: Tensor, spec: Any) -> Tensor:
        if not _varies(spec):
            return tensor
        size = tf.shape(tensor)[0]
        if not truncate:
            message = f"an element is longer than length={length}: pass truncate=True to cut it"
            tf.debugging.assert_less_equal(size, length, message=message)
        tensor = tensor[:length]
        fill = "" if tensor.dtype == tf.string else tf.cast(value, tensor.dtype)
        missing = [[0, tf.maximum(length - size, 0)]] + [[0, 0]] * (spec.shape.rank - 1)
        tensor = tf.pad(tensor, missing, constant_values=fill)
        tensor.set_shape([length, *spec.shape[1:]])
        return tensor

    def apply(*element: Any) -> Any:
        whole = element if len(element) > 1 else element[0]
        return tf.nest.map_structure(pad_one, whole, dataset.element_spec)

    return dataset.map(apply, tf.data.AUTOTUNE, deterministic=True)


def _varies(spec: Any) -> bool:
    known = isinstance(spec, tf.TensorSpec) and bool(spec.shape.rank)
    return known and spec.shape[0] is None

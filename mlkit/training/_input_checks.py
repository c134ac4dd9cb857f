"""Mistakes in the data that train without an error, found before the first step."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mlkit._state.variables import Snapshot
from mlkit.training._arrays import Arrays
from mlkit.training._composite import is_composite

_SPARSE = ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
# Names that callbacks of Keras put into the logs.
_ADDED = {"lr", "learning_rate"}


def check_data(model: keras.Model, data: Any, head: Any) -> None:
    """Look at the training data: all of them where they are in memory, else a first batch.

    Raises:
        ValueError: an input or target is not finite; a label is no class of the model's.
    """
    whole = data.seen() if isinstance(data, Arrays) else data.first_batch()
    x, y, _ = keras.utils.unpack_x_y_sample_weight(whole)
    check_finite("x", x)
    if y is None:
        return
    check_finite("y", y)
    head_x, head_y, _ = keras.utils.unpack_x_y_sample_weight(head)
    if keras.tree.is_nested(y) or "call" not in dir(model):
        return
    # Layers of augmentation draw wherever `training` is not told.
    state = Snapshot(model.non_trainable_variables)
    y_pred = model(head_x)
    state.restore()
    if not keras.tree.is_nested(y_pred):
        check_labels(model.loss, y, y_pred)
        check_broadcast(model.loss, head_y, y_pred)


def check_finite(name: str, nest: Any) -> None:
    """Raise `ValueError` if an array holds NaN or infinity."""
    for leaf in keras.tree.flatten(nest):
        if leaf is None or not leaf.dtype.is_floating:
            continue
        unit = "examples"
        if is_composite(leaf):
            unit = "stored values"
            leaf = leaf.values if isinstance(leaf, tf.SparseTensor) else leaf.flat_values
        if not bool(tf.reduce_all(tf.math.is_finite(leaf))):
            bad = tf.math.logical_not(tf.math.is_finite(leaf))
            rows = tf.reduce_any(tf.reshape(bad, [tf.shape(bad)[0], -1]), axis=1)
            first = int(tf.where(rows)[0, 0])
            count = int(tf.reduce_sum(tf.cast(rows, tf.int32)))
            raise ValueError(
                f"`{name}` holds NaN or infinity in {count} of {len(rows)} {unit}, the first at "
                f"index {first}. Every weight would become NaN: clean the data."
            )


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def check_labels(loss: Any, y: Any, y_pred: Any) -> None:
    """Raise `ValueError` if an integer label is not in [0, classes)."""
    if _name(loss) not in _SPARSE:
        return
    classes = y_pred.shape[-1]
    labels = tf.cast(y, tf.int64)
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None:
        labels = tf.boolean_mask(labels, labels != ignored)
    if tf.size(labels) == 0:
        return
    low, high = int(tf.reduce_min(labels)), int(tf.reduce_max(labels))
    if low < 0 or high >= classes:
        raise ValueError(
            f"`y` must hold labels from 0 to {classes - 1}, as the model has {classes} outputs. "
            f"Received labels from {low} to {high}. Widen the last layer or number the labels anew."
        )


def check_broadcast(loss: Any, y: Any, y_pred: Any) -> None:
    """Warn of a loss function that is given shapes which broadcast: (N,) against (N, 1)."""
    library = getattr(loss, "__module__", type(loss).__module__).partition(".")[0]
    if isinstance(loss, (str, keras.Loss)) or library in ("keras", "mlkit"):
        return
    a, b = tuple(y.shape), tuple(y_pred.shape)
    if {len(a), len(b)} == {1, 2} and (a + b)[-1] == 1 and a[0] == b[0]:
        warnings.warn(
            f"`y` has shape {a} and the predictions have shape {b}: in the loss {_name(loss)!r} "
            "they may broadcast to a matrix. Give both the same rank.",
            stacklevel=2,
        )


def check_monitors(callbacks: Sequence[Any], metrics: Sequence[str], validates: bool) -> None:
    """Raise `ValueError` if a callback watches a metric that nobody reports.

    Where a callback of the user's own stands in the list, which may add to the logs, it is a
    warning.
    """
    there = [*metrics, *(f"val_{name}" for name in metrics if validates)]
    foreign = any(type(c).__module__.partition(".")[0] not in ("keras", "mlkit") for c in callbacks)
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in there or monitor in _ADDED:
            continue
        hint = " Give `validation_data`." if monitor.startswith("val_") and not validates else ""
        text = (
            f"{type(callback).__name__} watches monitor={monitor!r}, which is not reported. "
            f"There are: {', '.join(there)}.{hint}"
        )
        if not foreign:
            raise ValueError(text)
        warnings.warn(text, stacklevel=2)

"""Mistakes in the data that train without an error, found before the first step."""

import warnings
from typing import Any

import keras
import numpy as np

SPARSE = ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy")


def check_batch(model: keras.Model, batch: Any) -> None:
    """Look at the first examples of the training data.

    Raises:
        ValueError: there are no targets though the loss needs them; an input or target is not
            finite; the shapes of targets and predictions broadcast to another.
    """
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    _check_finite("x", x)
    if y is None:
        return
    _check_finite("y", y)
    y_pred = model(x, training=False)
    if keras.tree.is_nested(y) or keras.tree.is_nested(y_pred):
        return
    _check_broadcast(model.loss, y, y_pred)


def _check_finite(name: str, nest: Any) -> None:
    for leaf in keras.tree.flatten(nest):
        if leaf is None or not leaf.dtype.is_floating:
            continue
        values = leaf.numpy()
        if not np.isfinite(values.astype(np.float64)).all():
            raise ValueError(
                f"`{name}` holds NaN or infinity among its first {len(values)} examples. "
                "Every weight would become NaN at the first update: clean the data."
            )


def _check_broadcast(loss: Any, y: Any, y_pred: Any) -> None:
    """(N,) against (N, 1) is fine in Keras' own losses and an N×N matrix in many others."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if name in SPARSE or isinstance(loss, keras.Loss):
        return
    a, b = tuple(y.shape), tuple(y_pred.shape)
    if len(a) != len(b) and callable(loss) and a[0] == b[0]:
        warnings.warn(
            f"`y` has shape {a} and the predictions have shape {b}: in the loss {name!r} they may "
            "broadcast to another shape. Give both the same rank.",
            stacklevel=2,
        )

"""What a model does with a few examples, without leaving a trace."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

# Only TensorFlow has a gradient of an eager function.
import tensorflow as tf

from mlkit._state.replicas import inner
from mlkit.callbacks._model_state import undisturbed
from mlkit.callbacks._pictures import table


def gradients_of(model: Any, x: Any, y: Any, sample_weight: Any = None) -> list[tuple[Any, Any]]:
    """`(variable, gradient)` of the compiled loss, as an array; those without one are left out.

    The model is run as in training (dropout, batch statistics); what that changes is put back.
    """
    variables = model.trainable_variables

    def differentiate() -> Any:
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=sample_weight)
        # What is read between two steps of several replicas are the first one's variables.
        return tape.gradient(loss, [_read(v) for v in variables])

    with undisturbed(model):
        if tf.distribute.has_strategy():
            # In a scope Keras divides the loss by the replicas; a new thread is outside of it.
            with ThreadPoolExecutor(1) as thread:
                found = thread.submit(differentiate).result()
        else:
            found = differentiate()
    pairs = zip(variables, found, strict=True)
    return [(v, np.asarray(tf.convert_to_tensor(g))) for v, g in pairs if g is not None]


def _read(variable: Any) -> Any:
    value = inner(variable)
    strategy = getattr(value, "distribute_strategy", None)
    return variable if strategy is None else strategy.experimental_local_results(value)[0]


def outputs_of(model: Any, x: Any) -> Any:
    """The predictions for a few examples, as arrays."""
    with undisturbed(model):
        return keras.tree.map_structure(np.asarray, model(x, training=False))


def classes_of(y: Any) -> np.ndarray:
    """Integer labels, from integers or one-hot rows."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[-1] > 1:
        return labels.argmax(-1)
    return labels.reshape(-1).astype("int64")


def confusion(labels: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """Counts, `[label, prediction]`."""
    counts = np.bincount(labels * classes + found, minlength=classes * classes)
    return counts.reshape(classes, classes)


def matrix_image(counts: np.ndarray, cell: int = 24) -> np.ndarray:
    """A picture of a confusion matrix: each row's shares, white is 0 and dark blue is 1."""
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    blue = np.array([0.03, 0.19, 0.42])
    picture = 1 - share[..., None] * (1 - blue)
    return np.repeat(np.repeat(picture, cell, 0), cell, 1).astype("float32")


def matrix_table(counts: np.ndarray) -> str:
    """A confusion matrix as a table in Markdown."""
    numbers = range(len(counts))
    rows = [[i, *(int(n) for n in row)] for i, row in zip(numbers, counts, strict=True)]
    return table(["label \\ prediction", *map(str, numbers)], rows)

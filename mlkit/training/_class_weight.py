"""Weights of classes as weights of examples, or of pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.checks import check_number


def weights_of(y: Any, class_weight: Mapping[int, float]) -> Any:
    """The weight of each label.

    Args:
        y: integer labels of shape (N,), (N, 1), or dense (N, H, W) or (N, H, W, 1); or one-hot
            labels (N, C), or dense (N, H, W, C), in a floating dtype.
        class_weight: weight of each class; a class that is left out has weight 1.

    Returns:
        float32, of the shape of the integer labels: (N,) or (N, H, W).

    Raises:
        ValueError: a key is no class, or a weight is negative.
    """
    classes = _table(class_weight)
    labels = tf.convert_to_tensor(y)
    if labels.shape.rank is None or labels.shape.rank == 0:
        raise ValueError(f"`class_weight` needs labels of a known rank. Received y={labels}")
    if labels.shape.rank > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif labels.shape.rank > 1 and (labels.shape.rank == 2 or labels.dtype.is_floating):
        labels = tf.argmax(labels, axis=-1)
    labels = tf.cast(labels, tf.int32)
    # A label above the table has weight 1, like any class that is left out.
    known = tf.logical_and(labels >= 0, labels < len(classes))
    return tf.where(known, tf.gather(classes, tf.where(known, labels, 0)), 1.0)


def _table(class_weight: Mapping[int, float]) -> np.ndarray:
    if not class_weight:
        raise ValueError("`class_weight` must name at least one class. Received an empty dict.")
    for key, value in class_weight.items():
        if isinstance(key, bool) or not isinstance(key, (int, np.integer)) or key < 0:
            raise ValueError(f"The keys of `class_weight` must be integers ≥ 0. Received: {key!r}")
        check_number(f"class_weight[{key}]", value, low=0)
    table = np.ones(max(class_weight) + 1, np.float32)
    for key, value in class_weight.items():
        table[key] = value
    return table

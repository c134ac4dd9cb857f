"""What mlkit must read of Keras' inside, all of it here, each with its reason and its test."""

from typing import Any

import keras


def resumed_epoch(model: keras.Model) -> int | None:
    """The epoch at which `keras.callbacks.BackupAndRestore` wants training to go on, or None.

    Keras has no public door for it: the callback writes the model's private `_initial_epoch` and
    `model.fit` reads it. `tests/training/test_like_keras_fit.py` fails on the day it is renamed.
    """
    return getattr(model, "_initial_epoch", None)


def dataset_of(iterator: Any) -> Any:
    """The data set that an iterator reads, or None.

    tf.data has no public door from an iterator to what it reads. Without it a pipeline that cannot
    be resumed exactly is not refused at the start; `tests/training/test_steps.py` fails then.
    """
    return getattr(iterator, "_dataset", None)

"""What mlkit must read of Keras' inside, all of it here, each with its reason and its test."""

import keras


def resumed_epoch(model: keras.Model) -> int | None:
    """The epoch at which `keras.callbacks.BackupAndRestore` wants training to go on, or None.

    Keras has no public door for it: the callback writes the model's private `_initial_epoch` and
    `model.fit` reads it. `tests/training/test_like_keras_fit.py` fails on the day it is renamed.
    """
    return getattr(model, "_initial_epoch", None)

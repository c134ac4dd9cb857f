"""Optimizers: everything in `keras.optimizers`, and ours."""

from keras.optimizers import *

# Not `from mlkit.optimizers import schedules`: after the star that finds Keras' own module.
import mlkit.optimizers.schedules as schedules  # noqa: F401

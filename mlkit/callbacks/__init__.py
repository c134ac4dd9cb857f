"""Callbacks: everything in `keras.callbacks`, and ours."""

from keras.callbacks import *

from mlkit.callbacks._time_stopping import TimeStopping as TimeStopping

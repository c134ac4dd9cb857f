"""Metrics: everything in `keras.metrics`, and ours."""

from keras.metrics import *

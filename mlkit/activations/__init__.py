"""Activations: everything in `keras.activations`, and ours."""

from keras.activations import *

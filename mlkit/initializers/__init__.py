"""Initializers: everything in `keras.initializers`, and ours."""

from keras.initializers import *

"""Regularizers: everything in `keras.regularizers`, and ours."""

from keras.regularizers import *

"""Callbacks: everything in `keras.callbacks`, and ours."""

from keras.callbacks import *

"""Constraints: everything in `keras.constraints`, and ours."""

from keras.constraints import *

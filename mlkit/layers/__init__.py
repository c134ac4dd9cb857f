"""Layers: everything in `keras.layers`, and ours."""

from keras.layers import *

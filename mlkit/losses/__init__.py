"""Losses: everything in `keras.losses`, and ours."""

from keras.losses import *

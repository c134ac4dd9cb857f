"""Export: everything in `keras.export`, and ours."""

from keras.export import *

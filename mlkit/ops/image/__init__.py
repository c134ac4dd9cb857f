"""Image operations: everything in `keras.ops.image`, and ours."""

from keras.ops.image import *

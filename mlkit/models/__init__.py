"""Models: everything in `keras.models`, and ours."""

from keras.models import *

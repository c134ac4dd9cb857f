"""Learning-rate schedules: everything in `keras.optimizers.schedules`, and ours."""

from keras.optimizers.schedules import *

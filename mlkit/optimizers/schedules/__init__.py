"""Learning-rate schedules: everything in `keras.optimizers.schedules`, and ours."""

from keras.optimizers.schedules import *

from mlkit.optimizers.schedules._warmup_schedule import WarmupSchedule as WarmupSchedule

"""Losses: everything in `keras.losses`, and ours."""

from keras.losses import *

from mlkit.losses._sigmoid_focal_cross_entropy import (
    SigmoidFocalCrossEntropy as SigmoidFocalCrossEntropy,
)
from mlkit.losses._sigmoid_focal_cross_entropy import (
    sigmoid_focal_crossentropy as sigmoid_focal_crossentropy,
)

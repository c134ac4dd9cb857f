"""Metrics: everything in `keras.metrics`, and ours."""

from keras.metrics import *

from mlkit.metrics._matthews_correlation_coefficient import (
    MatthewsCorrelationCoefficient as MatthewsCorrelationCoefficient,
)
from mlkit.metrics._matthews_correlation_coefficient import (
    matthews_correlation_coefficient as matthews_correlation_coefficient,
)

"""Regularizers: everything in `keras.regularizers`, and ours."""

from keras.regularizers import *
from mlkit.regularizers._confidence_penalty import ConfidencePenalty as ConfidencePenalty
from mlkit.regularizers._entropy import Entropy as Entropy
from mlkit.regularizers._group_lasso import GroupLasso as GroupLasso
from mlkit.regularizers._hoyer import Hoyer as Hoyer
from mlkit.regularizers._soft_orthogonal import SoftOrthogonal as SoftOrthogonal
from mlkit.regularizers._spectral_norm import SpectralNorm as SpectralNorm

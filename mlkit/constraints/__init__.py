"""Constraints: everything in `keras.constraints`, and ours."""

from keras.constraints import *
from mlkit.constraints._clip import Clip as Clip
from mlkit.constraints._orthogonal import Orthogonal as Orthogonal
from mlkit.constraints._simplex import Simplex as Simplex
from mlkit.constraints._spectral_norm import SpectralNorm as SpectralNorm
from mlkit.constraints._zero_mean import ZeroMean as ZeroMean

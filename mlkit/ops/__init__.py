"""Operations: everything in `keras.ops`, and ours."""

from keras.ops import *

# Not `from mlkit.ops import image`: after the star that finds Keras' own module.
import mlkit.ops.image as image  # noqa: F401
from mlkit.ops._confusion_matrix import confusion_matrix as confusion_matrix
from mlkit.ops._deform_conv2d import deform_conv2d as deform_conv2d
from mlkit.ops._spectral_norm import kernel_matrix as kernel_matrix
from mlkit.ops._spectral_norm import spectral_norm as spectral_norm
from mlkit.ops._structural_similarity import structural_similarity as structural_similarity

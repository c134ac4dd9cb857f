"""Operations: everything in `keras.ops`, and ours."""

from keras.ops import *

from mlkit.ops._chunked_crossentropy import chunked_crossentropy as chunked_crossentropy
from mlkit.ops._chunked_crossentropy import chunked_crossentropy_sum as chunked_crossentropy_sum
from mlkit.ops._gather_across_replicas import gather_across_replicas as gather_across_replicas
from mlkit.ops._masked_logsumexp import masked_logsumexp as masked_logsumexp
from mlkit.ops._masked_mean import masked_mean as masked_mean
from mlkit.ops._pairwise_distances import pairwise_distances as pairwise_distances
from mlkit.ops._safe_log import safe_log as safe_log
from mlkit.ops._safe_sqrt import safe_sqrt as safe_sqrt
from mlkit.ops._unit_vectors import unit_vectors as unit_vectors

# Not `from mlkit.ops import image`: after the star that finds Keras' own module.
import mlkit.ops.image as image  # noqa: F401
from mlkit.ops._confusion_matrix import confusion_matrix as confusion_matrix
from mlkit.ops._deform_conv2d import deform_conv2d as deform_conv2d
from mlkit.ops._spectral_norm import kernel_matrix as kernel_matrix
from mlkit.ops._spectral_norm import spectral_norm as spectral_norm
from mlkit.ops._structural_similarity import structural_similarity as structural_similarity

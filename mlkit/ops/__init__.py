"""Operations: everything in `keras.ops`, and ours."""

from keras.ops import *

from mlkit.ops._chunked_attention import chunked_attention as chunked_attention
from mlkit.ops._chunked_crossentropy import chunked_crossentropy as chunked_crossentropy
from mlkit.ops._chunked_crossentropy import chunked_crossentropy_sum as chunked_crossentropy_sum
from mlkit.ops._crf import crf_binary_score as crf_binary_score
from mlkit.ops._crf_decode import crf_constrained_decode as crf_constrained_decode
from mlkit.ops._crf_decode import crf_decode as crf_decode
from mlkit.ops._crf_decode import crf_decode_backward as crf_decode_backward
from mlkit.ops._crf_decode import crf_decode_forward as crf_decode_forward
from mlkit.ops._crf import crf_filtered_inputs as crf_filtered_inputs
from mlkit.ops._crf import crf_forward as crf_forward
from mlkit.ops._crf import crf_log_likelihood as crf_log_likelihood
from mlkit.ops._crf import crf_log_norm as crf_log_norm
from mlkit.ops._crf import crf_multitag_sequence_score as crf_multitag_sequence_score
from mlkit.ops._crf import crf_sequence_score as crf_sequence_score
from mlkit.ops._crf import crf_unary_score as crf_unary_score
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
from mlkit.ops._crf_decode import viterbi_decode as viterbi_decode

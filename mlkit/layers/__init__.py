"""Layers: everything in `keras.layers`, and ours."""

from keras.layers import *
from mlkit.layers._adaptive_norm import AdaptiveNorm as AdaptiveNorm
from mlkit.layers._aspp import ASPP as ASPP
from mlkit.layers._attention_pooling_1d import AttentionPooling1D as AttentionPooling1D
from mlkit.layers._blur_pool2d import BlurPool2D as BlurPool2D
from mlkit.layers._chunked_attention import ChunkedAttention as ChunkedAttention
from mlkit.layers._crf import CRF as CRF
from mlkit.layers._deformable_conv2d import DeformableConv2D as DeformableConv2D
from mlkit.layers._drop_block2d import DropBlock2D as DropBlock2D
from mlkit.layers._drop_path import DropPath as DropPath
from mlkit.layers._embedding_bag import EmbeddingBag as EmbeddingBag
from mlkit.layers._esn import ESN as ESN
from mlkit.layers._esn_cell import ESNCell as ESNCell
from mlkit.layers._film import FiLM as FiLM
from mlkit.layers._filter_response_normalization import (
    FilterResponseNormalization as FilterResponseNormalization,
)
from mlkit.layers._gated_ffn import GatedFFN as GatedFFN
from mlkit.layers._generalized_mean_pooling_1d import (
    GeneralizedMeanPooling1D as GeneralizedMeanPooling1D,
)
from mlkit.layers._generalized_mean_pooling_2d import (
    GeneralizedMeanPooling2D as GeneralizedMeanPooling2D,
)
from mlkit.layers._global_response_normalization import (
    GlobalResponseNormalization as GlobalResponseNormalization,
)
from mlkit.layers._gradient_reversal import GradientReversal as GradientReversal
from mlkit.layers._instance_normalization import InstanceNormalization as InstanceNormalization
from mlkit.layers._layer_norm_gru_cell import LayerNormGRUCell as LayerNormGRUCell
from mlkit.layers._layer_norm_lstm_cell import LayerNormLSTMCell as LayerNormLSTMCell
from mlkit.layers._layer_scale import LayerScale as LayerScale
from mlkit.layers._learned_position_embedding import (
    LearnedPositionEmbedding as LearnedPositionEmbedding,
)
from mlkit.layers._max_pooling_with_argmax2d import MaxPoolingWithArgmax2D as MaxPoolingWithArgmax2D
from mlkit.layers._max_unpooling2d import MaxUnpooling2D as MaxUnpooling2D
from mlkit.layers._maxout import Maxout as Maxout
from mlkit.layers._minibatch_std_dev import MinibatchStdDev as MinibatchStdDev
from mlkit.layers._nas_cell import NASCell as NASCell
from mlkit.layers._netvlad import NetVLAD as NetVLAD
from mlkit.layers._noisy_dense import NoisyDense as NoisyDense
from mlkit.layers._normalized_dense import NormalizedDense as NormalizedDense
from mlkit.layers._patch_embedding import PatchEmbedding as PatchEmbedding
from mlkit.layers._peephole_lstm_cell import PeepholeLSTMCell as PeepholeLSTMCell
from mlkit.layers._pixel_norm import PixelNorm as PixelNorm
from mlkit.layers._pixel_shuffle import PixelShuffle as PixelShuffle
from mlkit.layers._pixel_unshuffle import PixelUnshuffle as PixelUnshuffle
from mlkit.layers._polynomial_crossing import PolynomialCrossing as PolynomialCrossing
from mlkit.layers._rotary_embedding import RotaryEmbedding as RotaryEmbedding
from mlkit.layers._sine_positional_encoding import SinePositionalEncoding as SinePositionalEncoding
from mlkit.layers._spatial_pyramid_pooling2d import (
    SpatialPyramidPooling2D as SpatialPyramidPooling2D,
)
from mlkit.layers._spectral_weight_normalization import (
    SpectralWeightNormalization as SpectralWeightNormalization,
)
from mlkit.layers._squeeze_excite_2d import SqueezeExcite2D as SqueezeExcite2D
from mlkit.layers._stochastic_depth import StochasticDepth as StochasticDepth
from mlkit.layers._tlu import TLU as TLU
from mlkit.layers._vocabulary_projection import VocabularyProjection as VocabularyProjection
from mlkit.layers._weight_normalization import WeightNormalization as WeightNormalization
from mlkit.layers._zoneout import Zoneout as Zoneout

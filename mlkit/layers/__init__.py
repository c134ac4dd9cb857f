"""Layers: everything in `keras.layers`, and ours."""

from keras.layers import *

from mlkit.layers._attention_pooling_1d import AttentionPooling1D as AttentionPooling1D
from mlkit.layers._drop_path import DropPath as DropPath
from mlkit.layers._gated_ffn import GatedFFN as GatedFFN
from mlkit.layers._generalized_mean_pooling_1d import (
    GeneralizedMeanPooling1D as GeneralizedMeanPooling1D,
)
from mlkit.layers._generalized_mean_pooling_2d import (
    GeneralizedMeanPooling2D as GeneralizedMeanPooling2D,
)
from mlkit.layers._instance_normalization import InstanceNormalization as InstanceNormalization
from mlkit.layers._layer_norm_gru_cell import LayerNormGRUCell as LayerNormGRUCell
from mlkit.layers._layer_norm_lstm_cell import LayerNormLSTMCell as LayerNormLSTMCell
from mlkit.layers._layer_scale import LayerScale as LayerScale
from mlkit.layers._learned_position_embedding import (
    LearnedPositionEmbedding as LearnedPositionEmbedding,
)
from mlkit.layers._rotary_embedding import RotaryEmbedding as RotaryEmbedding
from mlkit.layers._sine_positional_encoding import SinePositionalEncoding as SinePositionalEncoding
from mlkit.layers._squeeze_excite_2d import SqueezeExcite2D as SqueezeExcite2D
from mlkit.layers._stochastic_depth import StochasticDepth as StochasticDepth
from mlkit.layers._weight_normalization import WeightNormalization as WeightNormalization
from mlkit.layers._zoneout import Zoneout as Zoneout

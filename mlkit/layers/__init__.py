"""Layers: everything in `keras.layers`, and ours."""

from keras.layers import *

from mlkit.layers._drop_path import DropPath as DropPath
from mlkit.layers._layer_scale import LayerScale as LayerScale
from mlkit.layers._stochastic_depth import StochasticDepth as StochasticDepth

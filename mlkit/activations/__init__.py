"""Activations: everything in `keras.activations`, and ours."""

from keras.activations import *
from mlkit.activations._lisht import lisht as lisht
from mlkit.activations._rrelu import rrelu as rrelu
from mlkit.activations._snake import snake as snake

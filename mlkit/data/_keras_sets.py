"""The data sets of Keras: from its cache without a network, else by its download."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.data import _network

PREFIX = "keras:"
_STORAGE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/"
_SETS = {  # name: what Keras' cache holds when it is there, and where it comes from
    "boston_housing": ("boston_housing.npz", _STORAGE),
    "california_housing": ("california_housing.npz", _STORAGE),
    "cifar10": ("cifar-10-batches-py-target", _TORONTO),
    "cifar100": ("cifar-100-python-target", _TORONTO),
    "imdb": ("imdb.npz", _STORAGE),
    "mnist": ("mnist.npz", _STORAGE),
    "reuters": ("reuters.npz", _STORAGE),
}
_Ragged: Any = tf.RaggedTensor  # its stubs lack the constructors
NAMES = [PREFIX + name for name in _SETS]


def keras_cache() -> Path:
    """Where Keras keeps its downloads."""
    home = os.environ.get("KERAS_HOME")
    root = Path(home) if home else Path("~/.keras").expanduser()
    return root / "datasets"


def load_keras(name: str) -> Any:
    """Two pairs of arrays, in the form of all data sets of `mk.data.load`."""
    short = name.removeprefix(PREFIX)
    kept, origin = _SETS[short]
    place = keras_cache() / kept
    if not place.exists():
        _network.require(
            name,
            [origin],
            f"Connect this machine to the network, or put {kept} into {place.parent}.",
        )
    train, test = getattr(keras.datasets, short).load_data()
    return _as_ours(*train), _as_ours(*test)


def _as_ours(x: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """Images with an axis of channels, texts as a RaggedTensor of words, labels as a vector."""
    inputs: Any = x
    if x.dtype == object:
        words = np.concatenate([np.asarray(text, np.int64) for text in x])
        inputs = _Ragged.from_row_lengths(words, [len(text) for text in x])
    elif x.ndim == 3:
        inputs = x[..., None]
    y = np.asarray(y).reshape(-1)
    return inputs, y.astype(np.int64) if y.dtype.kind in "iu" else y

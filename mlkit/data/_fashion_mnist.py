"""Fashion-MNIST: a copy on this machine, else Keras' download."""

import gzip
import zlib
from pathlib import Path

import keras
import numpy as np

from mlkit.data import _network
from mlkit.data._arrays import Arrays, Pair
from mlkit.data._keras_sets import keras_cache

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/train-labels-idx1-ubyte.gz"
_PREFIXES = ("train", "t10k")
_FILES = [f"{p}-{kind}-ubyte.gz" for p in _PREFIXES for kind in ("images-idx3", "labels-idx1")]


def load_fashion_mnist() -> Arrays:
    """Images and labels of the first folder that has all four files."""
    kept = keras_cache() / "fashion-mnist"
    for folder in (DEBIAN, kept):
        if all((folder / name).is_file() for name in _FILES):
            return _read(folder, "train"), _read(folder, "t10k")
    _network.require(
        "fashion_mnist",
        [_ORIGIN],
        f"Connect this machine to the network, or put the files {', '.join(_FILES)} into "
        f"{kept}, or on Debian: apt install dataset-fashion-mnist.",
    )
    train, test = keras.datasets.fashion_mnist.load_data()
    return _as_ours(*train), _as_ours(*test)


def _as_ours(images: np.ndarray, labels: np.ndarray) -> Pair:
    return images.reshape(-1, 28, 28, 1), labels.astype("int64")


def _read(folder: Path, prefix: str) -> Pair:
    images = _bytes(folder / f"{prefix}-images-idx3-ubyte.gz", header=16)
    labels = _bytes(folder / f"{prefix}-labels-idx1-ubyte.gz", header=8)
    if len(images) != 784 * len(labels):
        raise OSError(
            f"{folder} holds {len(images)} pixels and {len(labels)} labels of {prefix}, which do "
            "not belong together. Remove the four files, and they are fetched again."
        )
    return _as_ours(images, labels)


def _bytes(file: Path, header: int) -> np.ndarray:
    """The entries of an IDX file, after its header."""
    try:
        return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise OSError(f"{file} is damaged ({error}). Remove it, and it is fetched again.") from None

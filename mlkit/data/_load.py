"""Real data by name."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, overload

import tensorflow as tf

from mlkit._core.checks import check_bool
from mlkit.data._arrays import Arrays
from mlkit.data._digits import load_digits
from mlkit.data._fashion_mnist import load_fashion_mnist
from mlkit.data._keras_sets import NAMES, PREFIX, load_keras
from mlkit.data._source import as_source
from mlkit.data._tfds import load_tfds

_OWN: dict[str, Callable[[], Arrays]] = {
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
    **{name: partial(load_keras, name) for name in NAMES},
    f"{PREFIX}fashion_mnist": load_fashion_mnist,
}


@overload
def load(
    name: str,
    as_dataset: Literal[False] = False,
    *,
    splits: tuple[str, str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Arrays: ...


@overload
def load(
    name: str,
    as_dataset: Literal[True],
    *,
    splits: tuple[str, str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[tf.data.Dataset, tf.data.Dataset]: ...


def load(
    name: str,
    as_dataset: bool = False,
    *,
    splits: tuple[str, str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Any:
    """Real data by name, as arrays or as a `tf.data.Dataset`, with a part held out.

    Images are as they are stored, unsigned bytes with an axis of channels, and labels are int64:
    the form in which TensorFlow Datasets gives them. Scale them in the model
    (`mk.layers.Rescaling`), so that what is deployed takes raw images too. The split of a name
    never changes.

    | `name` | training | held out | pixels | where from |
    |---|---|---|---|---|
    | `"digits"` | (1442, 8, 8, 1) | (355, 8, 8, 1) | 0 to 16 | in the package |
    | `"fashion_mnist"` | (60000, 28, 28, 1) | (10000, 28, 28, 1) | 0 to 255 | see below |
    | `"keras:mnist"`, … | | | | `mk.datasets`, from Keras' cache or by its download |
    | any other | | | | TensorFlow Datasets |

    Of the digits every fifth of each class is held out. The same writers are in both parts: on
    writers that a model has not seen it makes more errors.

    Fashion-MNIST is taken from the Debian package `dataset-fashion-mnist` or from Keras' cache
    where one of them is there, and else downloaded by Keras.

    `"keras:…"` are boston_housing, california_housing, cifar10, cifar100, fashion_mnist, imdb,
    mnist and reuters with the defaults of `load_data`. Texts (imdb, reuters) come as a RaggedTensor
    of numbers of words, which `mk.data.bucket` and `mk.data.pack` take.

    Any other name goes to `tfds.builder`. What is prepared on disk loads without a network. The
    second part is the split `test`, else `validation`, else the last fifth of `train`.

    Args:
        name: `"digits"`, `"fashion_mnist"`, a name of Keras after `keras:`, or one of TensorFlow
            Datasets, such as `"mnist"`, `"glue/cola"` or `"mnist:3.0.1"`.
        as_dataset: whether to return `tf.data.Dataset`s of single examples. Default False: arrays.
        splits: the two splits of a name of TensorFlow Datasets, such as
            `("train[:90%]", "train[90%:]")`. Default None: as above.
        data_dir: folder of TensorFlow Datasets. Default None: its own, `~/tensorflow_datasets` or
            the environment variable `TFDS_DATA_DIR`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of shape `[examples, ...]` in the dtypes
        above. With `as_dataset` `(train, test)`, of elements `(x, y)`, or dicts where the data have
        no pair of input and target.

    Raises:
        ValueError: an unknown name (with the names that are near), data that do not fit in arrays.
        TypeError: an argument of a wrong type.
        ConnectionError: the data must be downloaded and there is no network; within seconds.
        OSError: a file on this machine is damaged.

    Example:
        >>> import mlkit as mk
        >>> (x, y), (x_test, y_test) = mk.data.load("digits")
        >>> x.shape, x.dtype.name, int(x.max()), y.shape, y.dtype.name, len(y_test)
        ((1442, 8, 8, 1), 'uint8', 16, (1442,), 'int64', 355)
        >>> train, test = mk.data.load("digits", as_dataset=True)
        >>> int(train.cardinality())
        1442

    Reference:
        Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0; the 1,797 images
        that scikit-learn bundles). Xiao, Rasul and Vollgraf, 2017,
        https://arxiv.org/abs/1708.07747 (MIT).
        Differs from `keras.datasets.fashion_mnist` in the axis of channels and the int64 labels.
    """
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a string. Received: name={name!r}")
    check_bool("as_dataset", as_dataset)
    if splits is not None and (
        not isinstance(splits, tuple) or [type(split) for split in splits] != [str, str]
    ):
        raise TypeError(f"`splits` must be a tuple of two strings. Received: splits={splits!r}")
    if name not in _OWN:
        folder = None if data_dir is None else os.fspath(data_dir)
        return load_tfds(name, list(_OWN), as_dataset, splits, folder)
    for argument, value in (("splits", splits), ("data_dir", data_dir)):
        if value is not None:
            raise ValueError(
                f"`{argument}` is for names of TensorFlow Datasets, and {name!r} is not one: "
                f"leave it out. Received: {argument}={value!r}"
            )
    train, test = _OWN[name]()
    return (as_source(train), as_source(test)) if as_dataset else (train, test)

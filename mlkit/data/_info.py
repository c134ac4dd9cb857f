"""What is known of a data set by its name."""

import os
from typing import Any, NamedTuple

from mlkit.data._keras_sets import NAMES, PREFIX
from mlkit.data._tfds import builder_of

_OF_TEN = [str(digit) for digit in range(10)]
_CLOTHES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip


class Info(NamedTuple):
    """What `mk.data.info` knows of a data set.

    Attributes:
        name: its name, with the version where there is one.
        description: what it holds.
        sizes: number of examples by split; empty where that is known only after preparing.
        classes: names of the classes, in order of their numbers; empty where there are none.
        license: what it may be used for, or "" where that is not known.
        homepage: where it comes from.

    Example:
        >>> import mlkit as mk
        >>> mk.data.info("digits").sizes
        {'train': 1442, 'test': 355}
    """

    name: str
    description: str
    sizes: dict[str, int]
    classes: list[str]
    license: str
    homepage: str


_OWN = {
    "digits": Info(
        "digits",
        "Handwritten digits of 43 writers as images of 8x8 with 17 grey levels; every fifth of "
        "each class is held out.",
        {"train": 1442, "test": 355},
        _OF_TEN,
        "CC BY 4.0",
        "https://doi.org/10.24432/C50P49",
    ),
    "fashion_mnist": Info(
        "fashion_mnist",
        "Articles of clothing as grey images of 28x28, ten classes of equal size.",
        {"train": 60_000, "test": 10_000},
        _CLOTHES,
        "MIT",
        "https://github.com/zalandoresearch/fashion-mnist",
    ),
}
_OWN[f"{PREFIX}fashion_mnist"] = _OWN["fashion_mnist"]
_CIFAR10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip
# (what it holds, training, held out, names of the classes), with the defaults of Keras.
_OF_KERAS: dict[str, tuple[str, int, int, list[str]]] = {
    "boston_housing": ("Prices of homes by 13 features of the district.", 404, 102, []),
    "california_housing": ("Prices of homes by 8 features of the block.", 16_512, 4_128, []),
    "cifar10": ("Colour photographs of 32x32, ten classes.", 50_000, 10_000, _CIFAR10),
    "cifar100": ("Colour photographs of 32x32, a hundred classes.", 50_000, 10_000, []),
    "imdb": ("Film reviews as numbers of words.", 25_000, 25_000, ["negative", "positive"]),
    "mnist": ("Handwritten digits as grey images of 28x28.", 60_000, 10_000, _OF_TEN),
    "reuters": ("News as numbers of words, 46 topics.", 8_982, 2_246, []),
}


def info(name: str, data_dir: str | os.PathLike[str] | None = None) -> Info:
    """Tell what is known of a data set of `mk.data.load`, without loading it.

    Args:
        name: as for `mk.data.load`.
        data_dir: folder of TensorFlow Datasets. Default None: its own.

    Returns:
        `Info(name, description, sizes, classes, license, homepage)`.

    Raises:
        ValueError: an unknown name, with the names that are near.
        TypeError: `name` is not a string.

    Example:
        >>> import mlkit as mk
        >>> mk.data.info("fashion_mnist").classes[9]
        'Ankle boot'
    """
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a string. Received: name={name!r}")
    if name in _OWN:
        return _OWN[name]
    if name in NAMES:
        short = name.removeprefix(PREFIX)
        text, train, test, classes = _OF_KERAS[short]
        page = f"https://keras.io/api/datasets/{short}/"
        return Info(name, text, {"train": train, "test": test}, list(classes), "", page)
    folder = None if data_dir is None else os.fspath(data_dir)
    return _of_tfds(builder_of(name, [*_OWN, *NAMES], folder))


def _of_tfds(builder: Any) -> Info:
    facts = builder.info
    keys = facts.supervised_keys
    target = keys[1] if keys is not None and isinstance(keys[1], str) else "label"
    features = facts.features
    feature = features[target] if features is not None and target in features else None
    terms = getattr(getattr(facts, "redistribution_info", None), "license", None)
    return Info(
        facts.full_name,
        " ".join((facts.description or "").split()),
        {split: int(part.num_examples) for split, part in facts.splits.items()},
        list(getattr(feature, "names", None) or []),
        terms or "",
        facts.homepage or "",
    )

"""Data sets of TensorFlow Datasets: prepared ones without a network, others if there is one."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit.data import _network
from mlkit.data._arrays import Pair

_STORAGE = "https://storage.googleapis.com"
_INDEX = {"huggingface": "https://huggingface.co"}  # asked for a namespace before any data


def load_tfds(
    name: str,
    own: Sequence[str],
    as_dataset: bool,
    splits: tuple[str, str] | None,
    data_dir: str | None,
) -> Any:
    """Two data sets, or two pairs of arrays; `own` are the names that are loaded without TFDS."""
    builder = builder_of(name, own, data_dir)
    if not builder.is_prepared():
        _prepare(builder, name)
    supervised = builder.info.supervised_keys is not None
    if not supervised and not as_dataset:
        raise ValueError(
            f"The data {name!r} have no pair of input and target, only features "
            f"{sorted(builder.info.features)}. With as_dataset=True the elements are dicts."
        )
    datasets = [
        builder.as_dataset(split=split, as_supervised=supervised, shuffle_files=False)
        for split in splits or _two_splits(builder, name)
    ]
    return tuple(datasets) if as_dataset else tuple(_arrays(name, d) for d in datasets)


def builder_of(name: str, own: Sequence[str], data_dir: str | None) -> Any:
    """The builder of TensorFlow Datasets for a name, prepared or not."""
    import tensorflow_datasets as tfds  # 0.4 s and many packages: only for who needs it

    namespace = name.partition(":")[0]
    if namespace in _INDEX:
        _network.require(name, [_INDEX[namespace]], "Connect this machine to the network.")
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        theirs = set(tfds.list_builders(with_community_datasets=False)) - set(own)
        word = name.partition("/")[0].lower()
        near = [known for known in own if known.endswith(f":{word.rpartition(':')[2]}")]
        near = near or difflib.get_close_matches(word, [*own, *sorted(theirs)], n=5)
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ValueError(
            f"`name` must be one of {', '.join(map(repr, own))} or of the {len(theirs)} names of "
            f"tfds.list_builders(). {hint}Received: name={name!r}"
        ) from None


def _prepare(builder: Any, name: str) -> None:
    """Download and prepare, but only if that could begin: TFDS retries for over a minute."""
    folder = Path(builder.data_path)
    hosts = [_STORAGE]
    homepage = builder.info.homepage or ""
    if homepage.startswith("https://"):
        hosts.append("https://" + homepage.split("/")[2])
    older = sorted(p.name for p in folder.parent.glob("[0-9]*.[0-9]*.[0-9]*"))
    way_out = f"Connect this machine to the network, or put the prepared data into {folder}."
    if older:
        way_out += f" Prepared here: {', '.join(repr(f'{name}:{v}') for v in older)}."
    _network.require(name, hosts, way_out)
    builder.download_and_prepare()


def _two_splits(builder: Any, name: str) -> tuple[str, str]:
    """Names of the splits to train on and to hold out."""
    found = list(builder.info.splits)
    if not found:
        raise ValueError(f"The splits of the data {name!r} are not known: give two as `splits`.")
    if "train" not in found:
        raise ValueError(
            f"The data {name!r} have the splits {found} and no 'train': say which two, "
            f"such as splits=({found[0] + '[:80%]'!r}, {found[0] + '[80%:]'!r})."
        )
    held_out = next((split for split in ("test", "validation") if split in found), None)
    return ("train", held_out) if held_out else ("train[:80%]", "train[80%:]")


def _arrays(name: str, dataset: tf.data.Dataset) -> Pair:
    pairs = list(dataset.as_numpy_iterator())
    columns: list[np.ndarray] = []
    for values in zip(*pairs, strict=True):
        if isinstance(values[0], dict) or len({np.shape(v) for v in values}) > 1:
            raise ValueError(
                f"The examples of {name!r} do not stack into one array (dicts, or of several "
                "shapes). Load them with as_dataset=True and give them one shape by `map`."
            )
        columns.append(np.stack(values))
    x, y = columns
    return x, y

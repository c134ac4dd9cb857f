"""The first batches of some data: for a run that only tries whether all of it works."""

from typing import Any

import keras

from mlkit._core.checks import check_integer
from mlkit.training._arrays import convert
from mlkit.training._sources import is_dataset


def first_batches(data: tuple[Any, ...], batches: int, batch_size: int | None) -> tuple[Any, ...]:
    """`(x, y, sample_weight)` or `(dataset,)`, of which only the first batches are left.

    Raises:
        ValueError: the data are neither arrays nor a dataset, and have no beginning to go back to.
    """
    if is_dataset(data[0]):
        # Kept: what shuffles would have another beginning in each epoch.
        return (data[0].take(batches).cache(), *data[1:])
    if isinstance(data[0], keras.utils.PyDataset) or hasattr(data[0], "__next__"):
        raise ValueError(
            "`fast_dev_run` and `overfit_batches` need arrays or a tf.data.Dataset. "
            f"Received x of type {type(data[0]).__name__}: give `steps_per_epoch` instead."
        )
    count = batches * (batch_size or 32)
    arrays = tuple(convert(part, "x") for part in data)
    return keras.tree.map_structure(lambda a: None if a is None else a[:count], arrays)


def cut_down(given: dict[str, Any], fast_dev_run: bool, overfit_batches: int | None) -> None:
    """Change the arguments of `fit` to those of a trial run, in place.

    Args:
        given: `x`, `y`, `sample_weight`, `batch_size`, `epochs`, `validation_data`, `shuffle`,
            `run`.
        fast_dev_run: one batch, one epoch, one batch of validation, no run directory.
        overfit_batches: so many batches in each epoch, the same ones; no validation.
    """
    if fast_dev_run and overfit_batches is not None:
        raise ValueError("Give `fast_dev_run` or `overfit_batches`, not both.")
    if overfit_batches is not None:
        check_integer("overfit_batches", overfit_batches, low=1)
    batches, size = overfit_batches or 1, given["batch_size"]
    names = ("x", "y", "sample_weight")
    data = first_batches(tuple(given[n] for n in names), batches, size)
    given.update(zip(names, data, strict=True))
    given["shuffle"] = False
    validation = given["validation_data"]
    if overfit_batches is not None:
        given["validation_data"] = None
        return
    given.update(epochs=given["initial_epoch"] + 1, run=None)
    if validation is not None:
        whole = validation if isinstance(validation, (tuple, list)) else (validation,)
        cut = first_batches(tuple(whole), 1, size)
        given["validation_data"] = cut if isinstance(validation, (tuple, list)) else cut[0]

"""Weights of a checkpoint for a model that is not the one they were saved from."""

import os
import re
from pathlib import Path
from typing import Any

import keras

from mlkit._core.checks import check_bool
from mlkit._state.replicas import ROWS
from mlkit._state.store import Store

_KEY = re.compile(r"model/(\d+)/(.*)")
# With these begins what is not of the model itself: its optimizer, its metrics.
_AFTER = ("iteration", "step_counter", "dynamic_scale", "total")


def _keyed(pairs: list[tuple[str, Any]]) -> dict[tuple[str, int], Any]:
    """By path and, for paths that occur again, by the number of the occurrence."""
    found: dict[tuple[str, int], Any] = {}
    for path, value in pairs:
        number = 0
        while (path, number) in found:
            number += 1
        found[path, number] = value
    return found


def _weights(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """The weights in a checkpoint, path and value, in the order of `model.variables`."""
    whole = {key: value for key, value in values.items() if not key.endswith(ROWS)}
    matches = [(_KEY.fullmatch(key), value) for key, value in whole.items()]
    ordered = sorted(
        ((int(m[1]), m[2], value) for m, value in matches if m), key=lambda entry: entry[0]
    )
    found = []
    for _, path, value in ordered:
        if path.rpartition("/")[2] in _AFTER:
            break
        found.append((path, value))
    return found


def load_in_order(model: Any, run: str | os.PathLike, update: int, averaged: bool) -> None:
    """Load the weights of a checkpoint into a model of the same making, whatever its names."""
    saved = Store(Path(run) / "checkpoints").load(update)
    if saved is None:
        raise ValueError(f"There is no good checkpoint of update {update} in {run}.")
    theirs = _keyed(_weights(saved.values))
    if averaged:
        _put_averages(theirs, saved.values, run)
    for variable, value in zip(model.variables, theirs.values(), strict=True):
        variable.assign(value)


def _put_averages(theirs: dict[tuple[str, int], Any], values: Any, run: Any) -> None:
    """Replace weights by their averages: same name, same order."""
    averages = {k: v for k, v in values.items() if k.startswith("_average/")}
    if not averages:
        raise ValueError(f"The run in {run} keeps no averages: it was made without `ema`.")
    left = list(theirs)
    for key, value in averages.items():
        name = key.rpartition("/")[2].removesuffix("_average")
        found = next(k for k in left if k[0].rpartition("/")[2] == name)
        left = left[left.index(found) + 1 :]
        theirs[found] = value


def load_weights(
    model: keras.Model,
    run: str | os.PathLike,
    *,
    update: int | None = None,
    strict: bool = True,
    averaged: bool = False,
) -> dict[str, list[str]]:
    """Load the weights of a run into a model by their paths, and report what matched.

    Args:
        model: a built model. Its optimizer and metrics stay as they are.
        run: directory of the run.
        update: of the checkpoint; default: the newest good one.
        strict: whether every weight must be in both, in the same shape. Default True. False: what
            matches is loaded, and the rest is reported.
        averaged: whether trainable weights are the averages that `ema=` keeps. Default False.

    Returns:
        Paths by what became of them: `"loaded"`, `"missing"` (not in the checkpoint), `"shape"`
        (there in another shape), `"unused"` (in the checkpoint only).

    Raises:
        ValueError: there is no good checkpoint; or, with `strict`, a weight does not match; nothing
            was changed. With `averaged`, the run has no averages.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import mlkit as mk
        >>> def make(units):
        ...     layers = [mk.Input((2,)), mk.layers.Dense(3, name="a")]
        ...     model = mk.Sequential([*layers, mk.layers.Dense(units, name="b")], name="m")
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> run = tempfile.mkdtemp()
        >>> history = mk.fit(make(1), np.ones((4, 2)), np.ones((4, 1)), run=run, verbose=0)
        >>> mk.training.load_weights(make(5), run, strict=False)["shape"]
        ['m/b/kernel: (3, 5) here, (3, 1) saved', 'm/b/bias: (5,) here, (1,) saved']
    """
    check_bool("strict", strict)
    folder = Path(run) / "checkpoints"
    saved = Store(folder).load(update) if folder.is_dir() else None
    if saved is None:
        raise ValueError(f"There is no good checkpoint in {folder}.")
    theirs = _keyed(_weights(saved.values))
    if averaged:
        _put_averages(theirs, saved.values, run)
    counter = re.compile(r"_\d+(?=[/_]|$)")
    mine = _keyed([(counter.sub("", v.path), v) for v in model.variables])
    report: dict[str, list[str]] = {"loaded": [], "missing": [], "shape": [], "unused": []}
    todo = []
    for key, variable in mine.items():
        value = theirs.pop(key, None)
        if value is None:
            report["missing"].append(variable.path)
        elif tuple(variable.shape) != value.shape:
            text = f"{variable.path}: {tuple(variable.shape)} here, {value.shape} saved"
            report["shape"].append(text)
        else:
            todo.append((variable, value))
            report["loaded"].append(variable.path)
    report["unused"] = [path for path, _ in theirs]
    if strict and (report["missing"] or report["shape"] or report["unused"]):
        wrong = {name: paths[:3] for name, paths in report.items() if name != "loaded" and paths}
        raise ValueError(
            f"The weights in {saved.folder} are not those of {model.name!r}: {wrong}. Nothing was "
            "changed. strict=False loads what matches."
        )
    for variable, value in todo:
        variable.assign(value)
    return report

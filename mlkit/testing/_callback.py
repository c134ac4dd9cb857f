"""Rules for callbacks: the same in every loop, kept over a resume, clean at the end."""

import json
import warnings
from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._config import same
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import CallbackSpec
from mlkit.training import Trainer

# `None` is plain `model.fit`.
LOOPS = (None, "step", "fused", "epoch")


def _model() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    return model


def _data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4)).astype("float32")
    return x, np.argmax(x[:, :3], axis=1)


def fit(spec: CallbackSpec, callback: Any, loop: str | None, *others: Any) -> keras.Model:
    """Train a small model for three epochs of five updates with a callback, in one of the loops."""
    keras.utils.set_random_seed(0)
    model, (x, y) = (spec.model or _model)(), _data()
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    options |= {"validation_data": (x[:16], y[:16]), "callbacks": [callback, *others]}
    options |= spec.fit_kwargs
    if loop is None:
        model.fit(x, y, **options)
    else:
        Trainer(model, execution=loop, seed=0).fit(x, y, **options)
    return model


def _close(a: Any, b: Any) -> bool:
    """Equal, numbers up to rounding: the loops sum a metric in another order."""
    if isinstance(a, (float, np.floating, np.ndarray)) or hasattr(a, "__array__"):
        return bool(np.allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-6))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_close(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(_close(u, v) for u, v in zip(a, b, strict=True))
    return bool(a == b)


@check("callback")
def keeps_arguments(spec: CallbackSpec) -> None:
    """Every argument of `__init__` is an attribute of the same name, with the value given."""
    callback = spec.make()
    lost = [
        name
        for name, value in spec.kwargs.items()
        if name in spec.parameters
        and (kept := getattr(callback, name, object())) is not value
        and not same(kept, value)
    ]
    if lost:
        raise CheckFailed(
            f"not kept as given: {', '.join(lost)}",
            why="Who reads the callback, or its representation in a log, sees another setting.",
            mend="self.name = name in `__init__`; derive what you need under another name.",
        )


@check("callback")
def same_in_every_loop(spec: CallbackSpec) -> None:
    """What the callback observes is the same in `model.fit` and in every program of ours."""
    if spec.observe is None:
        raise NotApplicable("no `observe` was given")
    due: Any = None
    for loop in LOOPS:
        callback = spec.make()
        fit(spec, callback, loop)
        seen = spec.observe(callback)
        if loop is None:
            due = seen
        elif not _close(seen, due):
            raise CheckFailed(
                f"in the program {loop!r} it observed {seen!r}, in model.fit {due!r}",
                why="A block of steps is one call: a hook that counts its calls counts blocks.",
                mend="Count by the `batch` argument or `model.optimizer.iterations`, and say by "
                "`next_update(update)` when to be called.",
            )


@check("callback")
def used_again(spec: CallbackSpec) -> None:
    """A second `fit` with the same object observes what a new object would."""
    callback = spec.make()
    fit(spec, callback, None)
    first = spec.observe(callback) if spec.observe else None
    fit(spec, callback, None)
    again = spec.observe(callback) if spec.observe else None
    if not _close(first, again):
        raise CheckFailed(
            f"the first fit gave {first!r}, the second {again!r}",
            why="What is left of one run changes the next.",
            mend="Begin anew in `on_train_begin`.",
        )


class _Breaks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        raise _Broken


class _Broken(Exception):
    pass


@check("callback")
def ends_after_an_error(spec: CallbackSpec) -> None:
    """When training breaks off, the callback ends without an error of its own."""
    try:
        fit(spec, spec.make(), "step", _Breaks())
    except _Broken:
        return
    raise CheckFailed(
        "an error that another callback raised was swallowed",
        why="Training that failed looks as if it had ended well.",
        mend="Do not catch what you did not raise.",
    )


@check("callback")
def missing_monitor(spec: CallbackSpec) -> None:
    """A metric that nobody reports is an error or a warning that names it."""
    if spec.monitors is None:
        raise NotApplicable("the callback monitors nothing")
    name = "no_such_metric"
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fit(spec, spec.make(**{spec.monitors: name}), None)
    except (ValueError, KeyError) as error:
        if name in str(error):
            return
        raise
    if not any(name in str(warning.message) for warning in said):
        raise CheckFailed(
            f"{spec.monitors}={name!r} trained without a word",
            why="A misspelt name switches the callback off.",
            mend="Raise, and list the names that are in the logs.",
        )


@check("callback")
def state(spec: CallbackSpec) -> None:
    """`set_state` of what `get_state` gave makes a new object go on where the old one was."""
    if not spec.stateful:
        raise NotApplicable("the callback says that it keeps no state")
    old, new = spec.make(), spec.make()
    fit(spec, old, None)
    given = old.get_state()
    new.set_state(json.loads(json.dumps(given)) if _is_json(given) else given)
    if not _close(new.get_state(), given):
        raise CheckFailed(
            f"get_state gave {given!r}, and after set_state {new.get_state()!r}",
            why="A resumed run forgets its best value and its patience.",
            mend="Return from `get_state` all that `set_state` needs.",
        )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True

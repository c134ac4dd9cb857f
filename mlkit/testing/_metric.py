"""Rules for metrics: batches, weights, merging, the state."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._compare import array, must_agree
from mlkit.testing._loss_data import batch, weights
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import MetricSpec

_SUMS = (
    "Keep sums (or counts, or centred moments) in variables made with add_variable, and divide in "
    "`result`; never average the batches' results."
)


def update(metric: Any, y_true: Any, y_pred: Any, weight: Any = None) -> Any:
    """The metric after one more batch. One of values alone, as `keras.metrics.Mean`, gets these."""
    names = list(inspect.signature(metric.update_state).parameters)
    data = (y_true,) if names[1:2] == ["sample_weight"] else (y_true, y_pred)
    if weight is None:
        metric.update_state(*data)
    else:
        metric.update_state(*data, sample_weight=weight)
    return metric


def value(metric: Any) -> Any:
    """The result: an array, or a dict of arrays."""
    found = metric.result()
    if isinstance(found, Mapping):
        return {name: array(entry) for name, entry in found.items()}
    return array(found)


def measured(spec: MetricSpec, y_true: Any, y_pred: Any, weight: Any = None, **more: Any) -> Any:
    """The result of a new metric after one batch."""
    return value(update(spec.make(**more), y_true, y_pred, weight))


def of_nothing(spec: MetricSpec) -> Any:
    """The result before any data; None if it raises, which `result_form` tells."""
    try:
        return value(spec.make())
    except Exception:  # whatever a metric raises that makes its variables late
        return None


def needs_predictions(spec: MetricSpec) -> None:
    if spec.y_pred is None:
        raise NotApplicable("the metric is one of values, without predictions")


def needs_weights(spec: MetricSpec) -> None:
    if not spec.weighted:
        raise NotApplicable("the metric takes no weights")


def weightings(spec: MetricSpec, count: int) -> list[Any]:
    """None, and weights where the metric takes them."""
    return [None, weights(count)] if spec.weighted else [None]


@check("metric")
def result_form(spec: MetricSpec) -> None:
    """The result is a float scalar, or a flat dict of such, before and after any data."""
    y_true, y_pred = batch(spec)
    try:
        value(spec.make())
    except Exception as error:  # whatever a metric raises that makes its variables late
        raise CheckFailed(
            f"result() before any data raised {type(error).__name__}: {error}",
            why="Neither the result nor a checkpoint of it can be had before the first batch.",
            mend="Make the variables in `__init__`; return 0 (or NaN) where there is nothing yet.",
        ) from None
    found = update(spec.make(), y_true, y_pred).result()
    entries = found if isinstance(found, Mapping) else {"result": found}
    for name, entry in entries.items():
        dtype = getattr(entry, "dtype", type(entry).__name__)
        scalar = np.shape(array(entry)) == () and "float" in str(dtype)
        if not scalar or not isinstance(name, str):
            raise CheckFailed(
                f"{name}: shape {np.shape(array(entry))}, {dtype}",
                why="The TensorBoard callback crashes on anything but scalars, and `History` and "
                "the progress line cannot show it.",
                mend="Return one float scalar or a dict of them; give the matrix by a property.",
            )


@check("metric")
def reference(spec: MetricSpec) -> None:
    """The result is that of an independent witness, with and without weights."""
    if spec.reference is None:
        raise NotApplicable("no `reference` was given")
    draws = 5 if callable(spec.y_true) or callable(spec.y_pred) else 1
    for seed in range(draws):
        y_true, y_pred = batch(spec, seed)
        for weight in weightings(spec, len(y_pred)):
            must_agree(
                measured(spec, y_true, y_pred, weight),
                spec.reference(y_true, y_pred, weight),
                1e-5,
                f"draw {seed} {'without' if weight is None else 'with'} weights",
                why="It measures something other than it says.",
                mend="Find which of the two has the formula wrong, by hand, on three examples.",
            )


@check("metric")
def batches(spec: MetricSpec) -> None:
    """Any split of the data into batches, in any order, gives the result of one call."""
    y_true, y_pred = batch(spec)
    count = len(y_pred)
    splits = {
        "two halves": [count // 2],
        "three uneven batches": [1, count - 3],
        "one example at a time": list(range(1, count)),
    }
    for weight in weightings(spec, count):
        want = measured(spec, y_true, y_pred, weight)
        order = np.random.default_rng(1).permutation(count)
        for name, cuts in splits.items():
            metric = spec.make()
            for part in np.split(order, cuts):
                update(metric, y_true[part], y_pred[part], None if weight is None else weight[part])
            must_agree(
                value(metric),
                want,
                1e-5,
                f"{name}{'' if weight is None else ', weighted'}, against one call",
                why="The printed value depends on batch_size and on the shuffling.",
                mend=_SUMS,
            )


@check("metric")
def reset(spec: MetricSpec) -> None:
    """After `reset_state` a metric is as good as new."""
    y_true, y_pred = batch(spec)
    other = y_pred[::-1].copy()
    metric, new = update(spec.make(), y_true, other), spec.make()
    metric.reset_state()
    why = "The validation of an epoch is mixed with what was seen before."
    mend = "In `reset_state` set every variable to its first value; keep no other state."
    nothing = of_nothing(spec)
    if nothing is not None:
        what = "the result after reset_state"
        must_agree(value(metric), nothing, 0.0, what, why=why, mend=mend)
    must_agree(
        value(update(metric, y_true, y_pred)),
        value(update(new, y_true, y_pred)),
        0.0,
        "the result of a batch after reset_state, against a new metric",
        why=why,
        mend=mend,
    )


@check("metric")
def zero_weight(spec: MetricSpec) -> None:
    """An example of weight 0 is as good as absent."""
    needs_weights(spec)
    y_true, y_pred = batch(spec)
    weight = weights(len(y_pred))
    kept = weight > 0
    must_agree(
        measured(spec, y_true, y_pred, weight),
        measured(spec, y_true[kept], y_pred[kept], weight[kept]),
        1e-5,
        "with weights 0, against without these examples",
        why="Padding and the examples that fill the last batch are counted.",
        mend="Multiply both the sum and the count by the weight.",
    )
    nothing = of_nothing(spec)
    if nothing is None:
        return
    must_agree(
        measured(spec, y_true, y_pred, np.zeros_like(weight)),
        nothing,
        1e-6,
        "all weights 0, against no data",
        why="A batch that is all padding changes or breaks the result.",
        mend="keras.ops.divide_no_nan for the last division.",
    )


@check("metric")
def weight_shapes(spec: MetricSpec) -> None:
    """Weights of shape (N,) and (N, 1), one number, and None mean what they say."""
    needs_weights(spec)
    y_true, y_pred = batch(spec)
    weight = weights(len(y_pred))
    plain, twice = measured(spec, y_true, y_pred), np.full_like(weight, 2.0)
    cases = {
        "(N, 1) against (N,)": (weight[:, None], measured(spec, y_true, y_pred, weight)),
        "a list": (weight.tolist(), measured(spec, y_true, y_pred, weight)),
        "the number 2 against 2 for each": (2.0, measured(spec, y_true, y_pred, twice)),
        "1 for each against None": (np.ones_like(weight), plain),
    }
    metric = spec.make()
    data = (y_true,) if spec.y_pred is None else (y_true, y_pred)
    metric.update_state(*data, sample_weight=None)
    must_agree(
        value(metric), plain, 0.0, "sample_weight=None", why="fit passes None.", mend="Allow it."
    )
    for name, (given, want) in cases.items():
        must_agree(
            measured(spec, y_true, y_pred, given),
            want,
            1e-5,
            f"weights: {name}",
            why="(N, 1) against (N,) broadcasts to all pairs and gives a plausible number.",
            mend="Bring the weights to the shape of the examples first: reshape (N, 1) to (N,), "
            "broadcast a scalar.",
        )


@check("metric")
def merge(spec: MetricSpec) -> None:
    """`merge_state` gives what one metric would that had seen all."""
    if not hasattr(spec.cls, "merge_state"):
        raise NotApplicable("there is no method `merge_state`")
    y_true, y_pred = batch(spec)
    cut = len(y_pred) // 3
    for weight in weightings(spec, len(y_pred)):
        first, second = (
            update(spec.make(), y_true[s], y_pred[s], None if weight is None else weight[s])
            for s in (slice(cut), slice(cut, None))
        )
        first.merge_state([second, spec.make()])
        must_agree(
            value(first),
            measured(spec, y_true, y_pred, weight),
            1e-5,
            "two metrics merged, against one",
            why="Results of several workers or shards cannot be joined.",
            mend=_SUMS,
        )


@check("metric")
def state(spec: MetricSpec) -> None:
    """All that a metric knows is in its `variables`: copied, they give the same result."""
    y_true, y_pred = batch(spec)
    old, new = update(spec.make(), y_true, y_pred), update(spec.make(), y_true[:1], y_pred[:1])
    if len(old.variables) != len(new.variables):
        raise CheckFailed(
            f"{len(new.variables)} variables after one example, {len(old.variables)} after a batch",
            why="A checkpoint of the one cannot be read by the other.",
            mend="Make all variables in `__init__`, or at the first batch, always the same.",
        )
    for target, source in zip(new.variables, old.variables, strict=True):
        target.assign(keras.ops.convert_to_numpy(source))
    must_agree(
        value(new),
        value(old),
        0.0,
        "the result of another metric with the same variables",
        why="A run that is continued from a checkpoint reports another value; replicas too.",
        mend="Keep no state in Python: add_variable for all of it, in the metric itself.",
    )

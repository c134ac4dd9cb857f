"""Rules for losses: gradients, the ends of the range, precisions, shapes that could broadcast."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import apart, array, must_agree, must_be_finite
from mlkit.testing._loss_data import (
    batch,
    extremes,
    independent,
    per_example,
    value_and_gradient,
)
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LossSpec


def _floats_only(y_pred: np.ndarray) -> None:
    if not np.issubdtype(y_pred.dtype, np.floating):
        raise NotApplicable("the predictions are not floats")


@check("loss")
def saturated(spec: LossSpec) -> None:
    """Value and gradient are finite at saturated, zero and perfect predictions."""
    y_true, y_pred = batch(spec)
    _floats_only(y_pred)
    for name, extreme in extremes(spec).items():
        value, gradient = value_and_gradient(spec.make(reduction="sum"), y_true, extreme)
        for what, found in (("value", value), ("gradient", gradient)):
            if found is None:
                continue  # gradient_exists says so
            must_be_finite(
                found,
                f"the {what} at predictions {name}",
                why="One such example makes every weight NaN, and the run is lost.",
                mend="Compute with logits (softplus, log_softmax) rather than log of a "
                "probability; keep the argument of sqrt, log and the denominator away from 0 "
                "before, not after, the operation: where() hides a value and keeps its gradient.",
            )


@check("loss")
def gradient_exists(spec: LossSpec) -> None:
    """The loss has a gradient with respect to the predictions, not all of it zero."""
    y_true, y_pred = batch(spec)
    _floats_only(y_pred)
    _, gradient = value_and_gradient(spec.make(reduction="sum"), y_true, y_pred)
    if gradient is None or not np.any(array(gradient)):
        raise CheckFailed(
            f"the gradient is {'None' if gradient is None else 'zero everywhere'}",
            why="A model compiled with it does not train, without a word.",
            mend="Look for argmax, round, a comparison, a cast to integers, or NumPy in `call`.",
        )


def _directional(loss: Any, y_true: Any, y_pred: np.ndarray, step: float) -> np.ndarray:
    """Differences between numeric and analytic slopes along random directions, relative."""
    _, gradient = value_and_gradient(loss, y_true, y_pred)
    slope, rng = np.asarray(array(gradient), np.float64), np.random.default_rng(0)
    found = []
    for _ in range(5):
        direction = rng.choice([-1.0, 1.0], y_pred.shape)
        ends = (y_pred + sign * step * direction for sign in (1, -1))
        up, down = (float(array(loss(y_true, end.astype(y_pred.dtype)))) for end in ends)
        numeric, analytic = (up - down) / (2 * step), float(np.sum(slope * direction))
        found.append(abs(numeric - analytic) / max(1e-3, float(np.abs(slope).sum())))
    return np.asarray(found)


@check("loss")
def numeric_gradient(spec: LossSpec) -> None:
    """The gradient is that of the values: central differences along random directions."""
    y_true, y_pred = batch(spec)
    _floats_only(y_pred)
    fine = spec.make(reduction="sum", dtype="float64")
    worst = _directional(fine, y_true, y_pred.astype(np.float64), 1e-6).max()
    if worst < 1e-4:
        return
    # A loss that computes in float32 inside: wider steps, and the median, since some directions
    # of a wide step cross a kink.
    coarse = _directional(spec.make(reduction="sum"), y_true, y_pred, 5e-3)
    if np.median(coarse) < 1e-2:
        return
    raise CheckFailed(
        f"the slope along a random direction is off by {worst:.2g} of the gradient's size in "
        f"float64, by {np.median(coarse):.2g} (median) in float32",
        why="Training goes down another hill than the one whose height is printed.",
        mend="Look for stop_gradient, custom_gradient, clip and where. If the detachment is meant, "
        'excuse it: excuse={"numeric_gradient": "why"}.',
    )


@check("loss")
def from_logits(spec: LossSpec) -> None:
    """With `from_logits` the loss of z is that of sigmoid(z) or softmax(z) without it."""
    if "from_logits" not in spec.parameters:
        raise NotApplicable("there is no argument `from_logits`")
    y_true, y_pred = batch(spec)
    logits = np.random.default_rng(0).normal(0, 2, y_pred.shape).astype(np.float32)
    want = per_example(spec, y_true, logits, from_logits=True)
    axis = spec.kwargs.get("axis", -1)
    axis = axis if isinstance(axis, int) else -1
    ways = {"sigmoid": keras.ops.sigmoid, "softmax": lambda z: keras.ops.softmax(z, axis=axis)}
    found = {
        name: apart(per_example(spec, y_true, way(logits), from_logits=False), want, 1e-4)
        for name, way in ways.items()
    }
    if all(found.values()):
        raise CheckFailed(
            "from_logits=True differs from from_logits=False after "
            + "; after ".join(f"{name}: {text}" for name, text in found.items()),
            why="The same model trains differently by where its activation stands.",
            mend="Compute both from one formula: log p and log(1 - p), from either form.",
        )


@check("loss")
def half_precision(spec: LossSpec) -> None:
    """Predictions in float16 and bfloat16 give what the same numbers in float32 give."""
    y_true, y_pred = batch(spec)
    _floats_only(y_pred)
    for dtype in ("float16", "bfloat16"):
        low = tf.cast(y_pred, dtype)
        want, want_slope = value_and_gradient(spec.make(), y_true, tf.cast(low, "float32"))
        got, slope = value_and_gradient(spec.make(), y_true, low)
        must_agree(
            got,
            want,
            1e-3,
            f"predictions in {dtype}",
            why="Under mixed precision the loss is computed from rounded sums.",
            mend="Compute in float32: keras.Loss casts to its own dtype; do not cast back inside.",
        )
        must_agree(
            slope,
            want_slope,
            2e-2,
            f"the gradient with predictions in {dtype}",
            why="Under mixed precision the model trains on rounded or zero gradients.",
            mend="Compute in float32 inside, and cast what goes in, not what comes out.",
        )


@check("loss")
def target_dtypes(spec: LossSpec) -> None:
    """Integer, boolean and float targets of the same values give the same loss."""
    y_true, y_pred = batch(spec)
    whole = np.asarray(y_true, np.float64)
    if not np.array_equal(whole, np.round(whole)):
        raise NotApplicable("the targets are not whole numbers")
    dtypes = ["int32", "int64", "float32", "float16"]
    dtypes += ["bool", "uint8"] if set(np.unique(whole)) <= {0.0, 1.0} else []
    want = per_example(spec, y_true, y_pred)
    kwargs = spec.kwargs if spec.function_kwargs is None else spec.function_kwargs
    for dtype in dtypes:
        found = {"the class": per_example(spec, y_true.astype(dtype), y_pred)}
        if spec.function is not None:
            found["the function"] = spec.function(y_true.astype(dtype), y_pred, **kwargs)
        for what, values in found.items():
            must_agree(
                values,
                want,
                1e-3 if dtype == "float16" else 1e-6,
                f"{what} with targets in {dtype}",
                why="Labels come as uint8 or bool from files, and as int64 from NumPy.",
                mend="Cast `y_true` to the dtype of `y_pred` (or to int32, for classes) first.",
            )


@check("loss")
def broadcasting(spec: LossSpec) -> None:
    """(N,) against (N, 1) is right or refused; never a silent matrix of all pairs."""
    independent(spec)
    y_true, y_pred = batch(spec)
    if y_true.shape != y_pred.shape or y_pred.ndim > 2:
        raise NotApplicable("targets and predictions do not have one shape of rank 1 or 2")
    true, pred = (a.reshape(len(a), -1)[:, :1] for a in (y_true, y_pred))
    try:
        want = array(per_example(spec, true, pred)).reshape(-1)
    except (ValueError, TypeError) as error:
        raise NotApplicable(f"one output is refused: {error}") from None
    for a, b in ((true[:, 0], pred), (true, pred[:, 0])):
        for what, call in _callers(spec).items():
            try:
                got = array(call(a, b))
            except (ValueError, TypeError, tf.errors.InvalidArgumentError):
                continue
            # Of rank 1, a batch may be read as one example: its mean or sum is still that of pairs.
            ways = (apart(reduce(got), reduce(want), 1e-5) for reduce in (np.mean, np.sum))
            if got.size > want.size or all(ways):
                raise CheckFailed(
                    f"{what} with targets {a.shape} and predictions {b.shape} gives another loss "
                    f"than with {true.shape} and {pred.shape}: shape {got.shape}",
                    why="All targets are compared with all predictions, and the model learns the "
                    "mean of the targets. It is the commonest silent fault of regression.",
                    mend="Bring `y_true` to the shape of `y_pred`, or raise, before computing "
                    "(mlkit parts: mlkit._core.targets.align_target).",
                )


def _callers(spec: LossSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"the class": spec.make(reduction=None)}
    if spec.function is not None:
        function = spec.function
        kwargs = spec.kwargs if spec.function_kwargs is None else spec.function_kwargs
        found["the function"] = lambda a, b: function(a, b, **kwargs)
    return found

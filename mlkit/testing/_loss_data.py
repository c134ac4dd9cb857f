"""Batches for a loss: drawn, weighted, pushed to the ends of their range."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._compare import array
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LossSpec, MetricSpec, draw

BATCHWISE = "the loss couples the examples of a batch"


def batch(spec: LossSpec | MetricSpec, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions, floats in float32. A metric of values alone gets them twice."""
    alone = isinstance(spec, MetricSpec) and spec.y_pred is None
    if spec.y_true is None or (spec.y_pred is None and not alone):
        raise CheckFailed(
            "`y_true` or `y_pred` was not given.",
            why="Without a batch the part cannot be called.",
            mend="Give both: arrays, batch first, or functions of a numpy.random.Generator.",
        )
    rng = np.random.default_rng(seed)
    y_true = _single(draw_with(rng, spec.y_true))
    return y_true, y_true if alone else _single(draw_with(rng, spec.y_pred))


def draw_with(rng: np.random.Generator, data: Any) -> Any:
    return data(rng) if callable(data) else data


def _single(value: Any) -> np.ndarray:
    found = np.asarray(value)
    return found.astype(np.float32) if found.dtype == np.float64 else found


def weights(count: int, seed: int = 0) -> np.ndarray:
    """Weights of the examples, some of them 0, none of them 1."""
    found = np.random.default_rng(seed).uniform(0.25, 2.0, count).astype(np.float32)
    found[1::4] = 0.0
    return found


def per_example(spec: LossSpec, y_true: Any, y_pred: Any, **overrides: Any) -> Any:
    """The loss without a reduction."""
    return spec.make(reduction=None, **overrides)(y_true, y_pred)


def value_and_gradient(loss: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """The (summed) loss and its gradient with respect to the predictions."""
    y_pred = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = keras.ops.sum(loss(y_true, y_pred))
    return value, tape.gradient(value, y_pred)


def has_logits(spec: LossSpec) -> bool:
    """Whether the predictions are logits, as far as `kwargs` or the data say."""
    if "from_logits" in spec.parameters:
        default = spec.parameters["from_logits"].default
        return bool(spec.kwargs.get("from_logits", default))
    _, y_pred = batch(spec)
    return bool(np.min(y_pred, initial=0.0) < 0 or np.max(y_pred, initial=0.0) > 1)


def extremes(spec: LossSpec) -> dict[str, np.ndarray]:
    """Predictions at the ends of their range, by what they are."""
    y_true, y_pred = batch(spec)
    rng = np.random.default_rng(1)
    ends = np.array([-1e4, 1e4] if has_logits(spec) else [0.0, 1.0], np.float32)
    given = spec.saturated
    found = {
        "saturated": rng.choice(ends, y_pred.shape) if given is None else _single(draw(given)),
        "all zero": np.zeros_like(y_pred),
    }
    target = perfect(spec, y_true)
    if target.shape == y_pred.shape:
        found["equal to the target"] = target.astype(y_pred.dtype)
    return found


def perfect(spec: LossSpec, y_true: np.ndarray) -> np.ndarray:
    """The prediction of a perfect model."""
    return _single(array(spec.target(y_true))) if spec.target else y_true


def independent(spec: LossSpec) -> None:
    """Raise `NotApplicable` for a loss whose examples depend on one another."""
    if spec.batchwise:
        raise NotApplicable(BATCHWISE)

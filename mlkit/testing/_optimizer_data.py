"""Weights, gradients and runs for an optimizer."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._compare import array
from mlkit.testing._kinds import KINDS
from mlkit.testing._report import NotApplicable
from mlkit.testing._spec import OptimizerSpec, fresh

SHAPES = ((4, 3), (5,), ())
Arrays = list[np.ndarray]


def start(seed: int = 0) -> Arrays:
    """First weights: a matrix, a vector and a number."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape), np.float32) for shape in SHAPES]


def gradients(step: int) -> Arrays:
    """Gradients of one step, drawn: independent of the weights, so that errors do not grow."""
    return start(1000 + step)


def neutral(spec: OptimizerSpec) -> dict[str, Any]:
    """`kwargs` without those of the base class, which would move the minimum."""
    base = KINDS["optimizer"].also_base
    found = {name: value for name, value in spec.kwargs.items() if name not in base}
    decay = spec.parameters.get("weight_decay")
    if decay is not None and decay.default is not None:
        found["weight_decay"] = 0.0
    return found


def make(spec: OptimizerSpec, learning_rate: Any = None, **overrides: Any) -> Any:
    """An optimizer without clipping, decay and averages, at a rate.

    The rate of a wrapper is that of the optimizer it holds.
    """
    arguments = {**neutral(spec), **overrides}
    rate = spec.learning_rate if learning_rate is None else learning_rate
    held = [n for n, v in arguments.items() if isinstance(v, keras.Optimizer)]
    if "learning_rate" in spec.parameters:
        arguments["learning_rate"] = rate
    elif held:
        inner = arguments[held[0]]
        arguments[held[0]] = type(inner)(**{**_arguments(inner), "learning_rate": rate})
    return spec.cls(**{n: v if n == "learning_rate" else fresh(v) for n, v in arguments.items()})


def _arguments(optimizer: Any) -> dict[str, Any]:
    return {k: v for k, v in optimizer.get_config().items() if not isinstance(v, dict)}


def accepting(spec: OptimizerSpec, **overrides: Any) -> Any:
    """`make`, where an argument of the base class may be refused in words."""
    try:
        return make(spec, **overrides)
    except (TypeError, ValueError) as error:
        raise NotApplicable(f"{', '.join(overrides)} refused: {error}") from None


def variables(weights: Sequence[Any]) -> list[Any]:
    return [keras.Variable(weight, name=f"weight_{i}") for i, weight in enumerate(weights)]


def trajectory(
    optimizer: Any,
    steps: int,
    change: Callable[[int, Arrays], Sequence[Any]] = lambda step, found: found,
) -> list[Arrays]:
    """The weights after each step. `change(step, gradients)` is what the optimizer is given."""
    weights, found = variables(start()), []
    optimizer.build(weights)
    for step in range(steps):
        given = [
            g if g is None or isinstance(g, tf.IndexedSlices) else tf.convert_to_tensor(g)
            for g in change(step, gradients(step))
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of gradients that are None
            optimizer.apply(given, weights)
        found.append([array(weight).copy() for weight in weights])
    return found


def descend(optimizer: Any, function: Callable[[Any], Any], first: Any, steps: int) -> float:
    """The value of `function` after a number of updates, all in one graph."""
    weight = keras.Variable(np.asarray(first, np.float32))
    optimizer.build([weight])

    def body(step: Any) -> Any:
        with tf.GradientTape() as tape:
            value = function(weight)
        optimizer.apply([tape.gradient(value, weight.value)], [weight])
        return step + 1

    tf.function(lambda: tf.while_loop(lambda step: step < steps, body, [0]))()
    optimizer.finalize_variable_values([weight])
    return float(array(function(weight)))

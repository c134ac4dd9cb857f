"""An optimizer and a witness, update by update on the same gradients."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SHAPES = ((4, 3), (5,), ())


class Witness:
    """A paper's update in float64.

    Args:
        rule: `(weight, gradient, state, t) -> weight` for one variable; `state` is a dict that it
            keeps, t counts from 1.
        decay: rate times weight decay, taken before the update, as Keras does.
    """

    def __init__(self, rule: Callable[..., Any], decay: float = 0.0) -> None:
        self.rule, self.decay, self.t = rule, decay, 0
        self.states: list[dict[str, Any]] = []

    def step(self, weights: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        self.t += 1
        self.states = self.states or [{} for _ in weights]
        kept = [w - self.decay * w for w in weights]
        return [
            np.asarray(self.rule(w, g, s, self.t))
            for w, g, s in zip(kept, gradients, self.states, strict=True)
        ]


def start() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=shape), np.float32) for shape in SHAPES]


def gradients(steps: int, seed: int = 1) -> list[np.ndarray]:
    """For each variable its gradients, the step on the first axis; of changing size."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(size=(steps, 1)))
    return [
        (rng.normal(size=(steps, *shape)) * size.reshape(steps, *(1 for _ in shape))).astype("f4")
        for shape in SHAPES
    ]


def ours(optimizer: keras.Optimizer, given: list[np.ndarray]) -> np.ndarray:
    """All weights after each update, flat: made in one graph."""
    weights = [keras.Variable(w, name=f"weight_{i}") for i, w in enumerate(start())]
    optimizer.build(weights)
    steps = len(given[0])

    @tf.function
    def run(*given: Any) -> Any:
        found = tf.TensorArray("float32", steps)
        for i in tf.range(steps):
            optimizer.apply([g[i] for g in given], weights)
            now = tf.concat([tf.reshape(w.value, [-1]) for w in weights], 0)
            found = found.write(i, now)
        return found.stack()

    return run(*map(tf.constant, given)).numpy()


def theirs(witness: Any, given: list[np.ndarray]) -> np.ndarray:
    """The same by a witness."""
    weights, found = [w.astype(np.float64) for w in start()], []
    for step in range(len(given[0])):
        weights = witness.step(weights, [g[step].astype(np.float64) for g in given])
        found.append(np.concatenate([np.ravel(w) for w in weights]))
    return np.stack(found)


def must_stay_together(optimizer: Any, witness: Any, steps: int = 200, goal: float = 1e-5) -> None:
    """Raise at the first update after which the weights are further apart than the goal."""
    given = gradients(steps)
    one, other = ours(optimizer, given), theirs(witness, given)
    apart = np.abs(one - other).max(1) / np.maximum(1.0, np.abs(other).max(1))
    bad = ~(apart <= goal)
    assert not bad.any(), f"they part at step {bad.argmax()} of {steps}: {apart[bad.argmax()]:.1e}"

"""Runs of a function with its gradients, in one graph."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def gradients(
    function: Callable, *arrays: np.ndarray, layers: Sequence = (), jit: bool = False
) -> Callable[[], Any]:
    """A run of the function and of its gradients to arrays of floats and weights, in one graph."""
    tensors = [tf.constant(a) for a in arrays]
    function(*tensors)  # builds the layers
    weights = [w.value for layer in layers for w in layer.trainable_weights]

    @tf.function(jit_compile=jit)
    def run(*tensors: Any) -> Any:
        learned = [t for t in tensors if t.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(learned)
            loss = tf.reduce_mean(tf.square(function(*tensors)))
        return tape.gradient(loss, [*learned, *weights])

    return lambda: run(*tensors)


def of_layers(*layers: Any, shape: tuple, training: bool = False) -> Callable[[], Callable]:
    """A chain of layers, trained."""

    def make() -> Callable[[], Any]:
        def chain(x: Any) -> Any:
            for layer in layers:
                x = layer(x, training=training)
            return x

        return gradients(chain, floats(*shape), layers=layers)

    return make


def of(function: Callable, *shapes: tuple, layers: Sequence = ()) -> Callable[[], Callable]:
    """A function of arrays of the shapes."""
    return lambda: gradients(function, *(floats(*s) for s in shapes), layers=layers)

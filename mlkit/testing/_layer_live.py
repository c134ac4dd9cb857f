"""One built layer for all checks of a part, and its state put back after each."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check, shared
from mlkit.testing._layer_data import call, example, is_float
from mlkit.testing._report import NotRun
from mlkit.testing._spec import LayerSpec

tree = keras.tree


@dataclass(frozen=True)
class Live:
    """A layer that has been called.

    Args:
        layer: the layer.
        data: the batch.
        output: what `training=False` gave.
    """

    layer: Any
    data: Any
    output: Any


@check("layer")
def works(spec: LayerSpec) -> None:
    """The layer can be made, and called on a batch."""
    shared(spec, "live", lambda: _make(spec))


def _make(spec: LayerSpec) -> Live:
    layer, data = spec.make(), example(spec)
    return Live(layer, data, call(spec, layer, data, training=False))


def live(spec: LayerSpec) -> Live:
    """The part's layer. One that cannot be called is the affair of the check `works` alone."""
    try:
        return shared(spec, "live", lambda: _make(spec))
    except Exception as error:
        raise NotRun("the layer cannot be called: see the check `works`") from error


@contextlib.contextmanager
def restored(layer: Any) -> Iterator[None]:
    """Weights, statistics and random state of the layer are the same after it."""
    before = [(v, np.asarray(keras.ops.convert_to_numpy(v))) for v in layer.variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def copy_weights(source: Any, target: Any) -> None:
    """Give one layer the weights of another of the same configuration."""
    target.set_weights(source.get_weights())


def objective(outputs: Any) -> Any:
    """A scalar whose gradient reaches every output: their sum with fixed weights in [0.5, 1.5].

    Not a plain sum: that of a normalised output is constant.
    """
    total = tf.zeros(())
    for leaf in tree.flatten(outputs):
        if is_float(leaf):
            weights = 1.0 + 0.5 * np.sin(np.arange(np.prod(leaf.shape), dtype=np.float32))
            weights = tf.cast(weights.reshape(leaf.shape), leaf.dtype)
            total += tf.cast(tf.reduce_sum(leaf * weights), tf.float32)
    return total


def gradients_of(spec: LayerSpec, layer: Any, data: Any) -> tuple[Any, list[Any], list[Any]]:
    """Outputs with `training=True`, and gradients to floating inputs and to trainable weights."""
    tensors = tree.map_structure(tf.convert_to_tensor, data)
    inputs = [] if spec.integer_inputs else [t for t in tree.flatten(tensors) if is_float(t)]
    weights = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = call(spec, layer, tensors, training=True)
        total = objective(outputs)
    found = tape.gradient(total, [*inputs, *weights])
    return outputs, found[: len(inputs)], found[len(inputs) :]

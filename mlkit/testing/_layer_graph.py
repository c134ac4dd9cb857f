"""Rules for compiled code: traced, compiled by XLA, or trained by fit, a layer does the same."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check, message
from mlkit.testing._layer_data import call, is_float, symbolic
from mlkit.testing._layer_live import gradients_of, live, restored
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference, leaves, not_finite

tree = keras.tree


@check("layer")
def compiled(spec: LayerSpec) -> None:
    """Two steps in a `tf.function` do what two steps do eagerly, and are traced once."""
    it = live(spec)
    traces = []

    @tf.function
    def step(data: Any) -> Any:
        traces.append(None)
        return call(spec, it.layer, data, training=True)

    second = tree.map_structure(lambda a: a[::-1].copy(), it.data)
    with restored(it.layer):
        graph = [step(data) for data in map(_tensors, (it.data, second))]
    with restored(it.layer):
        eager = [call(spec, it.layer, data, training=True) for data in (it.data, second)]
    if len(traces) > 1:
        raise CheckFailed(
            f"two batches of one shape were traced {len(traces)} times.",
            why="Tracing costs hundreds of times what a step costs; under fit it looks like a "
            "slow model.",
            mend="Make all variables in `build`: one that is made at the first call needs a second "
            "trace.",
        )
    for number, (a, b) in enumerate(zip(graph, eager, strict=True), 1):
        found = difference(a, b, 1e-4)
        if found:
            raise CheckFailed(
                f"call {number} in a tf.function gives {found} (training=True)",
                why="Under fit the layer is traced: a Python attribute that `call` changes is "
                "frozen at its first value there.",
                mend="Hold what changes in a variable (self.add_weight(trainable=False)) and "
                "`assign` to it.",
            )


def _tensors(data: Any) -> Any:
    return tree.map_structure(tf.convert_to_tensor, data)


@check("layer")
def xla(spec: LayerSpec) -> None:
    """Compiled by XLA, outputs and gradients are those of eager execution."""
    it = live(spec)

    @tf.function(jit_compile=True)
    def both(data: Any) -> Any:
        inference = call(spec, it.layer, data, training=False)
        _, to_inputs, to_weights = gradients_of(spec, it.layer, data)
        dense = [tf.convert_to_tensor(g) for g in (*to_inputs, *to_weights) if g is not None]
        return inference, dense

    with restored(it.layer):
        try:
            inference, found = both(_tensors(it.data))
        except Exception as error:
            raise CheckFailed(
                f"XLA does not compile it: {type(error).__name__}: {message(error)}",
                why='compile(jit_compile=True), the default "auto" on a GPU, fails on any model '
                "with this layer.",
                mend="Sizes must be known when it is compiled: keras.ops.where in place of "
                "boolean masks, a fixed size for unique, nonzero and top_k.",
            ) from error
    _must_be_equal(inference, it.output, "outputs")
    if spec.stochastic:
        return  # XLA draws other numbers from the same seed
    with restored(it.layer):
        _, to_inputs, to_weights = gradients_of(spec, it.layer, it.data)
    eager = [tf.convert_to_tensor(g) for g in (*to_inputs, *to_weights) if g is not None]
    _must_be_equal(found, eager, "gradients")


def _must_be_equal(a: Any, b: Any, what: str) -> None:
    found = difference(a, b, 1e-3 if what == "gradients" else 1e-4)
    if found:
        raise CheckFailed(
            f"{what} under XLA: {found}",
            why="The same training gives another model when it is compiled.",
            mend="Look for a size taken from the first batch, an assertion that XLA drops, or a "
            "sum whose order matters because its terms are of very different size.",
        )


class _Gain(keras.Layer):
    """Multiplies by a trainable number: something to train before a layer without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

    def call(self, inputs: Any) -> Any:
        return inputs * self.gain


@check("layer")
def fit(spec: LayerSpec) -> None:
    """`compile` and `fit` train a model with the layer: finite loss, weights that move."""
    it = live(spec)
    inputs = symbolic(it.data, (0,))
    layer = spec.make()
    before = tree.map_structure(lambda t: _Gain()(t) if is_float(t) else t, inputs)
    outputs = [t for t in tree.flatten(call(spec, layer, before)) if is_float(t)]
    if not outputs:
        raise NotApplicable("no output is a float")
    model = keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs)
    if not model.trainable_weights:
        raise NotApplicable("neither the layer nor what can stand before it has weights")
    rng = np.random.default_rng(0)
    shapes = [leaf.shape for leaf in tree.flatten(it.output) if is_float(leaf)]
    targets = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    model.compile(keras.optimizers.SGD(0.01), loss=["mse"] * len(outputs))
    weights = [leaves(w)[0] for w in layer.trainable_weights]
    size = tree.flatten(it.data)[0].shape[0]
    y = targets[0] if len(targets) == 1 else targets
    history = model.fit(it.data, y, batch_size=size, epochs=2, shuffle=False, verbose=0)
    _must_have_trained(layer, weights, history.history["loss"])


def _must_have_trained(layer: Any, before: list[np.ndarray], losses: list[float]) -> None:
    after = [leaves(w)[0] for w in layer.trainable_weights]
    if not np.all(np.isfinite(losses)) or any(map(not_finite, layer.trainable_weights)):
        raise CheckFailed(
            f"losses {losses} in two steps of SGD(0.01) on a small batch",
            why="The layer cannot be trained.",
            mend="See `gradients`.",
        )
    if before and all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
        raise CheckFailed(
            f"no weight moved in two steps ({', '.join(w.path for w in layer.trainable_weights)})",
            why="The layer has weights and does not train.",
            mend="Look for a gradient that is zero everywhere: a saturated function, a product of "
            "two weights that both begin at zero, a stop_gradient.",
        )

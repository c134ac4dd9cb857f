"""Rules for the gradients of a layer: they exist, and are finite, at zero and far from it."""

from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._layer_data import is_float, map_floats
from mlkit.testing._layer_live import gradients_of, live, restored
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import not_finite

tree = keras.tree


@check("layer")
def gradients(spec: LayerSpec) -> None:
    """Gradients to inputs and weights exist and are finite."""
    it = live(spec)
    _must_be_finite(spec, it.data, "for the batch")


@check("layer")
def gradients_at_zero(spec: LayerSpec) -> None:
    """Gradients are finite where all inputs are zero."""
    it = live(spec)
    _asked(it.data)
    _must_be_finite(spec, map_floats(np.zeros_like, it.data), "for an input of zeros")


@check("layer")
def gradients_of_large_input(spec: LayerSpec) -> None:
    """Gradients are finite for inputs of the size of 1e4."""
    it = live(spec)
    _asked(it.data)
    large = map_floats(lambda a: a * np.float32(1e4), it.data)
    _must_be_finite(spec, large, "for an input of size 1e4")


def _asked(data: Any) -> None:
    if not any(is_float(leaf) for leaf in tree.flatten(data)):
        raise NotApplicable("the inputs are integers")


def _must_be_finite(spec: LayerSpec, data: Any, when: str) -> None:
    layer = live(spec).layer
    with restored(layer):
        outputs, to_inputs, to_weights = gradients_of(spec, layer, data)
    if not any(is_float(leaf) for leaf in tree.flatten(outputs)):
        raise NotApplicable("no output is a float")
    named = [(f"input {i}", g) for i, g in enumerate(to_inputs)]
    names = [v.path for v in layer.trainable_variables]
    named += list(zip(names, to_weights, strict=True))
    absent = [name for name, gradient in named if gradient is None]
    if absent:
        raise CheckFailed(
            f"there is no gradient to {', '.join(absent)}",
            why="It does not train, and neither does what stands before the layer.",
            mend="Look for a cast to an integer, an argmax, a comparison, a numpy call or a "
            "stop_gradient on the way; make a weight that need not train with trainable=False; "
            "say integer_inputs=True where the inputs are numbers of classes.",
        )
    if not_finite(outputs):
        raise CheckFailed(
            f"{not_finite(outputs)} outputs are not finite {when}",
            why="One such example turns the loss, and by it every weight, into NaN.",
            mend="Bound the argument of exp, add an epsilon under log, root and division.",
        )
    dense = [(name, g.values if hasattr(g, "indices") else g) for name, g in named]
    bad = [f"{name} ({not_finite(g)} entries)" for name, g in dense if not_finite(g)]
    if bad:
        raise CheckFailed(
            f"the gradient is not finite {when}: {', '.join(bad)}",
            why="One such example turns every weight into NaN, even where the value is right.",
            mend="Root, norm and division have no slope at zero: put the epsilon inside the root, "
            "or choose the argument before the function by keras.ops.where (after it, the "
            "discarded branch still gives NaN).",
        )

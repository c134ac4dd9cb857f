"""Rules for mixed precision: half the bytes in the outputs, all of them in the weights."""

from typing import Any

import keras
import numpy as np

from mlkit.testing._check import check
from mlkit.testing._layer_data import call, is_float, map_floats
from mlkit.testing._layer_live import copy_weights, live
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference, not_finite

tree = keras.tree

# Eight and three binary digits less than half of float32's: a few roundings on the way.
_TOLERANCE = {"mixed_float16": 1e-2, "mixed_bfloat16": 6e-2}


def _under(spec: LayerSpec, policy: str, data: Any) -> Any:
    """A layer with this policy, as have the layers given to it, and the float32 one's weights."""

    def with_policy(value: Any) -> Any:
        if isinstance(value, keras.Layer):
            return type(value).from_config({**value.get_config(), "dtype": policy})
        if type(value) in (list, tuple):
            return type(value)(with_policy(v) for v in value)
        return value

    kwargs = {name: with_policy(value) for name, value in spec.kwargs.items()}
    layer = spec.cls(**{**kwargs, "dtype": policy})
    call(spec, layer, data, training=False)
    copy_weights(live(spec).layer, layer)
    return layer


@check("layer")
def mixed_precision(spec: LayerSpec) -> None:
    """In mixed precision outputs are half, weights float32, values near float32's."""
    it = live(spec)
    for policy, tolerance in _TOLERANCE.items():
        layer = _under(spec, policy, it.data)
        output = call(spec, layer, it.data, training=False)
        _right_dtypes(layer, policy, it.output, output)
        found = difference(output, it.output, tolerance)
        if found:
            raise CheckFailed(
                f"{policy} gives {found} (tolerance {tolerance:g} of the largest).",
                why="Training in half precision computes something else.",
                mend="Compute statistics, logarithms and exponentials in float32 and cast the "
                "result back: x = keras.ops.cast(x, 'float32') ... cast(y, self.compute_dtype).",
            )


def _right_dtypes(layer: Any, policy: str, full: Any, output: Any) -> None:
    half = layer.compute_dtype
    for wide, narrow in zip(tree.flatten(full), tree.flatten(output), strict=True):
        got = keras.backend.standardize_dtype(narrow.dtype)
        if is_float(wide) and got != half:
            raise CheckFailed(
                f"dtype={policy!r}: the output is {got}, not {half}.",
                why="What follows runs in the wrong precision, at twice the memory or with an "
                "error about mixed dtypes.",
                mend="Cast the result to self.compute_dtype; pass dtype=self.dtype_policy to "
                "every layer that you make inside.",
            )
    for weight in layer.weights:
        got = keras.backend.standardize_dtype(weight.dtype)
        if is_float(weight) and got != "float32":
            raise CheckFailed(
                f"dtype={policy!r}: the weight {weight.path} is {got}, not float32.",
                why="Small updates vanish when they are added to a weight in half precision.",
                mend="Leave `dtype` out of add_weight, or give it self.variable_dtype.",
            )


@check("layer")
def float16_large_input(spec: LayerSpec) -> None:
    """Inputs of 1e4 in mixed_float16 give finite outputs, which must not pass 65504 on the way."""
    it = live(spec)
    if not any(is_float(leaf) for leaf in tree.flatten(it.data)):
        return
    large = map_floats(lambda a: (a * np.float32(1e4)).clip(-1e4, 1e4), it.data)
    layer = _under(spec, "mixed_float16", it.data)
    bad = not_finite(call(spec, layer, large, training=False))
    if bad and not not_finite(call(spec, it.layer, large, training=False)):
        raise CheckFailed(
            f"{bad} entries are not finite for inputs up to 1e4 in mixed_float16; in float32 all "
            "are.",
            why="A square or a sum passed 65504, the largest float16: the loss becomes NaN, and "
            "loss scaling halves itself to nothing.",
            mend="Square, sum and exponentiate in float32: x = keras.ops.cast(x, 'float32').",
        )

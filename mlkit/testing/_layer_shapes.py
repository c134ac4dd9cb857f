"""Rules for the shapes of a layer's output: known before it is run, and open where they may be."""

import inspect
from typing import Any

import keras
import tensorflow as tf

from mlkit.testing._check import check, message
from mlkit.testing._layer_data import (
    by_keyword,
    call,
    is_shape,
    longer,
    model_of,
    symbolic,
)
from mlkit.testing._layer_live import live
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference

tree = keras.tree
_WRONG_SHAPE = (
    "The next layer builds its weights for the shape that was announced: the model fails, or "
    "broadcasts silently, where nobody looks for it."
)


@check("layer")
def shapes(spec: LayerSpec) -> None:
    """The shape announced is the shape returned: symbolic, `compute_output_shape`, eager."""
    it = live(spec)
    eager = [tuple(leaf.shape) for leaf in tree.flatten(it.output)]
    symbols = tree.flatten(call(spec, spec.make(), symbolic(it.data)))
    _must_match("a symbolic call", [tuple(s.shape) for s in symbols], eager)
    computed = _computed(spec, it)
    if computed is not None:
        _must_match("compute_output_shape", computed, eager)
    wrong = [
        f"{s.dtype} announced, {keras.backend.standardize_dtype(e.dtype)} returned"
        for s, e in zip(symbols, tree.flatten(it.output), strict=True)
        if s.dtype != keras.backend.standardize_dtype(e.dtype)
    ]
    if wrong:
        raise CheckFailed(
            "; ".join(wrong),
            why="The layer behind casts, or does not cast, for another dtype.",
            mend="Cast in `call`, or let `compute_output_spec` announce the dtype returned.",
        )


def _computed(spec: LayerSpec, it: Any) -> list[tuple[int | None, ...]] | None:
    """What `compute_output_shape` says; None where the layer leaves that to Keras."""
    written = type(it.layer).compute_output_shape is not keras.Layer.compute_output_shape
    if spec.call_kwargs or not written:
        return None
    sizes = tree.map_structure(lambda leaf: tuple(leaf.shape), it.data)
    takes = inspect.signature(it.layer.compute_output_shape).parameters
    if not by_keyword(spec, it.data):
        shape = it.layer.compute_output_shape(sizes)
    elif len(takes) == 1:  # as Keras has it: the shape of the first argument
        shape = it.layer.compute_output_shape(next(iter(sizes.values())))
    else:
        named = {f"{name}_shape": size for name, size in sizes.items()}
        shape = it.layer.compute_output_shape(**named)
    return _flat(shape)


def _flat(shape: Any) -> list[tuple[int | None, ...]]:
    if is_shape(shape):
        return [tuple(shape)]
    entries = shape.values() if isinstance(shape, dict) else shape
    return [one for entry in entries for one in _flat(entry)]


def _must_match(who: str, said: Any, returned: Any) -> None:
    if said != returned:
        raise CheckFailed(
            f"{who} gives {_show(said)}, the call itself returns {_show(returned)}",
            why=_WRONG_SHAPE,
            mend="Correct `compute_output_shape` (or take it out: Keras then derives it from "
            "`call`), and use static sizes, x.shape[1], where they are known.",
        )


def _show(found: list[tuple[int | None, ...]]) -> str:
    return str(found[0]) if len(found) == 1 else str(found)


@check("layer")
def dynamic_shapes(spec: LayerSpec) -> None:
    """An unknown batch size, and unknown sizes on `dynamic_axes`, are no obstacle."""
    it = live(spec)
    unknown = (0, *spec.dynamic_axes)
    batches = (it.data, longer(it.data, unknown))
    try:
        model = model_of(spec, it.layer, it.data, unknown)
        graph = tf.function(lambda data: model(data, training=False), reduce_retracing=True)
        outputs = [graph(data) for data in batches]
    except Exception as error:
        raise CheckFailed(
            f"with axes {list(unknown)} unknown the layer raised {type(error).__name__}: "
            f"{message(error)}",
            why="A model is built before its first batch, whose size is not known then.",
            mend="Use `keras.ops.shape(x)[0]`, or -1 in a reshape, for sizes that may be unknown.",
        ) from error
    for data, output in zip(batches, outputs, strict=True):
        found = difference(output, call(spec, it.layer, data, training=False), 1e-5)
        if found:
            raise CheckFailed(
                f"for {_sizes(data)} the model built with axes {list(unknown)} unknown and the "
                f"layer called directly differ: {found}",
                why="The size of the batch at building, or of the first batch, was baked in.",
                mend="Do not keep sizes of the batch on self, nor use x.shape for axes that are "
                "None at building: `keras.ops.shape(x)` is right at run time.",
            )


def _sizes(data: Any) -> str:
    return "inputs of " + ", ".join(str(tuple(leaf.shape)) for leaf in tree.flatten(data))

"""Inputs for a layer: drawn, resized, cast, made symbolic, and handed over."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import LayerSpec, draw

tree = keras.tree


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape, and not a structure of them."""
    return isinstance(value, (tuple, list)) and all(v is None or isinstance(v, int) for v in value)


def example(spec: LayerSpec, seed: int = 0) -> Any:
    """A batch for the layer: `inputs`, or uniform floats in [-1, 1) of `input_shape`."""
    if spec.inputs is not None:
        return tree.map_structure(_array, draw(spec.inputs, seed))
    if spec.input_shape is None:
        raise CheckFailed(
            "`input_shape` was not given.",
            why="Without an input the layer cannot be called.",
            mend="Say input_shape=(2, 5, 3), batch first, or inputs=an array.",
        )
    rng = np.random.default_rng(seed)
    return _map_shapes(
        lambda shape: rng.uniform(-1.0, 1.0, tuple(shape)).astype(np.float32), spec.input_shape
    )


def _map_shapes(function: Any, shapes: Any) -> Any:
    if is_shape(shapes):
        return function(shapes)
    if isinstance(shapes, dict):
        return {name: _map_shapes(function, shape) for name, shape in shapes.items()}
    return type(shapes)(_map_shapes(function, shape) for shape in shapes)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def is_float(array: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(array.dtype)


def map_floats(function: Any, data: Any) -> Any:
    """`data` with `function` applied to its floating leaves."""
    return tree.map_structure(lambda leaf: function(leaf) if is_float(leaf) else leaf, data)


def longer(data: Any, axes: Sequence[int] = (0,)) -> Any:
    """`data` with one more entry on each of the axes: its first again, at the end."""

    def extend(leaf: np.ndarray) -> np.ndarray:
        for axis in axes:
            if axis < leaf.ndim:
                leaf = np.concatenate([leaf, leaf.take([0], axis)], axis)
        return leaf

    return tree.map_structure(extend, data)


def by_keyword(spec: LayerSpec, data: Any) -> bool:
    """Whether `data` is a dict of arguments of `call`."""
    if not isinstance(data, dict) or not data:
        return False
    return set(data) <= set(inspect.signature(spec.cls.call).parameters)


def call(spec: LayerSpec, layer: Any, data: Any, **more: Any) -> Any:
    """The layer on the data. `training` goes along only where `call` has it."""
    arguments = {**spec.call_kwargs, **more}
    if by_keyword(spec, data):
        return layer(**data, **arguments)
    return layer(data, **arguments)


def symbolic(data: Any, unknown: Sequence[int] | None = None) -> Any:
    """A `keras.Input` for each leaf; the axes `unknown` (the batch) are left open.

    Args:
        data: arrays.
        unknown: axes of unknown size; default: none, the batch's size is fixed too.
    """
    if isinstance(data, dict):  # a model wants its inputs named as in the dict
        return {name: _symbol(leaf, unknown, name) for name, leaf in data.items()}
    return _symbol(data, unknown)


def _symbol(data: Any, unknown: Sequence[int] | None, name: str | None = None) -> Any:
    def make(leaf: np.ndarray) -> Any:
        shape = tuple(None if i in (unknown or ()) else n for i, n in enumerate(leaf.shape))
        dtype = keras.backend.standardize_dtype(leaf.dtype)
        return keras.Input(batch_shape=shape, dtype=dtype, name=name if leaf is data else None)

    return tree.map_structure(make, data)


def model_of(spec: LayerSpec, layer: Any, data: Any, unknown: Sequence[int] | None = (0,)) -> Any:
    """A functional model that is only this layer, its outputs in one flat list."""
    inputs = symbolic(data, unknown)
    outputs = tree.flatten(call(spec, layer, inputs))
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs)

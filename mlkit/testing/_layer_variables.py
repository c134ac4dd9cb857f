"""Rules for a layer's weights: each is known to Keras, or it will never train."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._layer_live import live
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import LayerSpec


@check("layer")
def variables(spec: LayerSpec) -> None:
    """Every variable made by the layer is tracked by Keras, so that it trains and is saved."""
    layer = live(spec).layer
    known = {id(v) for v in layer.variables}
    for path, variable in _found(layer, type(layer).__name__, set()):
        if isinstance(variable, keras.Variable):
            if id(variable) not in known:
                raise _untracked(path, "a keras.Variable that the layer does not track")
        elif isinstance(variable, tf.Variable):
            raise _raw(path)
    if spec.trains and not layer.trainable_weights:
        raise CheckFailed(
            "trains=True, but the layer has no trainable weight.",
            why="The optimizer has nothing to update: the loss stays where it is.",
            mend="Make the weights in `__init__` or `build` with self.add_weight(...).",
        )
    if layer.trainable_weights and not spec.trains:
        names = ", ".join(w.path for w in layer.trainable_weights)
        raise CheckFailed(
            f"the layer has trainable weights ({names}), but trains=False.",
            why="The checks of training ask less of a layer without weights.",
            mend="Say trains=True in the spec, or make them with add_weight(trainable=False).",
        )


def _raw(path: str) -> CheckFailed:
    return CheckFailed(
        f"{path} is a tf.Variable: it will never train.",
        why="Keras 3 does not track a tf.Variable in a layer. It is not in trainable_weights, no "
        "optimizer updates it, model.save does not save it, and nothing says so: the loss just "
        "stays where it is.",
        mend="self.add_weight(shape=..., initializer=..., name=...) in `build` (or `__init__`), "
        "in place of tf.Variable(...).",
    )


def _untracked(path: str, what: str) -> CheckFailed:
    return CheckFailed(
        f"{path} is {what}: it will never train.",
        why="What Keras does not track is not in trainable_weights: no optimizer updates it and "
        "model.save does not save it.",
        mend="Hold it as an attribute of the layer itself (or in a list or dict that is one), and "
        "make it with self.add_weight(...).",
    )


def _found(thing: Any, path: str, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Variables among the attributes of a thing, of its sublayers and of its plain objects."""
    if id(thing) in seen or depth > 6:
        return
    seen.add(id(thing))
    if isinstance(thing, (keras.Variable, tf.Variable)):
        yield path, thing
        return
    if isinstance(thing, dict):
        held = [(f"{path}[{key!r}]", value) for key, value in list(thing.items())]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        held = [(f"{path}[{i}]", value) for i, value in enumerate(thing)]
    elif _worth_a_look(thing):
        # The author's own names first: Keras and TensorFlow keep tables of the same things.
        names = sorted(vars(thing), key=lambda name: (name.startswith("_self_"), name[0] == "_"))
        held = [(f"{path}.{name}", vars(thing)[name]) for name in names]
    else:
        return
    for where, value in held:
        yield from _found(value, where, seen, depth + 1)


def _worth_a_look(thing: Any) -> bool:
    """A layer, a module, or an object of the author's own, but nothing of Keras or TensorFlow."""
    if isinstance(thing, (keras.Layer, tf.Module)):
        return True
    home = type(thing).__module__.partition(".")[0]
    foreign = ("keras", "tensorflow", "numpy", "builtins", "functools", "types", "collections")
    return hasattr(thing, "__dict__") and not isinstance(thing, type) and home not in foreign

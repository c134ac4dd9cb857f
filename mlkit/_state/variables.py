"""Every variable of a run, under a name that a new process gives it too."""

import re
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from mlkit._state.replicas import copies

# `dense_3/kernel` in the process that has made three Dense layers before.
_COUNTER = re.compile(r"_\d+(?=[/_]|$)")


def variables_of(value: Any) -> list[Any]:
    """The variables of one Keras object, or of a `tf.Variable`; of anything else none."""
    if isinstance(value, (keras.Variable, tf.Variable)):
        return [value]
    if isinstance(value, keras.random.SeedGenerator):
        return [value.state]
    if isinstance(value, keras.Model):
        metrics = [v for metric in value.metrics for v in metric.variables]
        # A model that is not compiled (the generator of a GAN) has no such attribute at all.
        optimizer = getattr(value, "optimizer", None)
        inner = optimizer.variables if optimizer is not None else []
        return [
            *value.variables,
            *inner,
            *metrics,
            *getattr(value.train_step, "state_variables", []),
            *_untracked(value),
        ]
    if isinstance(value, (keras.Layer, keras.Metric, keras.Optimizer)):
        return list(value.variables)
    if isinstance(value, tf.random.Generator):
        return [value.state]
    return list(getattr(value, "state_variables", []))


def _untracked(model: keras.Model) -> list[Any]:
    """The variables of a model's attributes that Keras does not count as the model's own.

    Of those are the optimizers of a model with several.
    """
    kinds = (keras.Optimizer, tf.Variable, tf.random.Generator)
    # Most of a model's attributes are neither, and a save asks each time.
    wanted = (*kinds, list, tuple, dict)
    own = {name: value for name, value in vars(model).items() if isinstance(value, wanted)}
    leaves = [leaf for name in sorted(own) for _, leaf in _walk(name, own[name])]
    return [v for leaf in leaves if isinstance(leaf, kinds) for v in variables_of(leaf)]


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(f"{name}.{key}", inner)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _walk(f"{name}.{index}", inner)
    else:
        yield name, value


def collect(owner: Any) -> dict[str, Any]:
    """The variables of all Keras objects among an object's attributes, each once.

    The key is the attribute, the place among the object's variables, and the variable's own path
    without the numbers that Keras counts up in a process: two layers of one name, and the states
    of all seed generators, keep apart, and a model that is built again has the same keys.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for attribute in sorted(vars(owner)):
        for name, value in _walk(attribute, vars(owner)[attribute]):
            for index, variable in enumerate(variables_of(value)):
                if id(variable) not in seen:
                    seen.add(id(variable))
                    path = getattr(variable, "path", None) or variable.name
                    found[f"{name}/{index}/{_COUNTER.sub('', path)}"] = variable
    return found


class Snapshot:
    """The values of some variables, to be put back.

    Args:
        variables: Keras or TensorFlow variables.
    """

    def __init__(self, variables: Any) -> None:
        each = [copy for variable in variables for copy in copies(variable)]
        self._values = [(v, tf.identity(tf.convert_to_tensor(v))) for v in each]

    def restore(self) -> None:
        for variable, value in self._values:
            variable.assign(value)

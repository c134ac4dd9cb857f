"""What callbacks remember, carried over a resume."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What the callbacks of Keras forget between two processes.
_KERAS = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch", "best_weights"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
    "ModelCheckpoint": ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
}


def keras_state(callback: Any) -> dict[str, Any]:
    """What a callback remembers that is of Keras, or derived from one of Keras'."""
    bases = [c for c in type(callback).__mro__ if c.__module__.startswith("keras.")]
    names = [name for base in bases for name in _KERAS.get(base.__name__, ())]
    return {name: getattr(callback, name) for name in names if hasattr(callback, name)}


def set_keras_state(callback: Any, state: dict[str, Any]) -> None:
    """Put back what `keras_state` gave."""
    for name, value in state.items():
        setattr(callback, name, value)


def _state(callback: Any) -> dict[str, Any]:
    return dict(callback.get_state()) if hasattr(callback, "get_state") else keras_state(callback)


def _set_state(callback: Any, state: dict[str, Any]) -> None:
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    set_keras_state(callback, state)
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        find_direction(callback)


def find_direction(checkpoint: Any) -> None:
    """Let a `ModelCheckpoint` that has a best value find out whether smaller or larger is better.

    Keras does it when an epoch ends: with `save_freq=n` a best value from before the break is
    compared earlier, by nothing, which is a TypeError.
    """
    if checkpoint.best is not None and checkpoint.monitor_op is None:
        checkpoint._set_monitor_op()


def _flatten(value: Any, key: str, tensors: dict[str, Any]) -> Any:
    """JSON with a reference in the place of each array."""
    if isinstance(value, (np.ndarray, tf.Tensor)) or hasattr(value, "__array__"):
        tensors[key] = tf.convert_to_tensor(np.array(value))
        return {"array": key}
    if isinstance(value, dict):
        return {"dict": {k: _flatten(v, f"{key}/{k}", tensors) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"list": [_flatten(v, f"{key}/{i}", tensors) for i, v in enumerate(value)]}
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    return {"value": value}


def _unflatten(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    ((kind, value),) = node.items()
    if kind == "array":
        # A scalar comes back as a number: `best` is compared and printed.
        array = arrays[value]
        return array.item() if array.ndim == 0 else array
    if kind == "dict":
        return {k: _unflatten(v, arrays) for k, v in value.items()}
    if kind == "list":
        return [_unflatten(v, arrays) for v in value]
    return float(value) if kind == "float" else value


def save(callbacks: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The state of all callbacks as JSON, and the arrays in it by key."""
    tensors: dict[str, Any] = {}
    nodes = []
    for index, callback in enumerate(callbacks):
        name = type(callback).__name__
        node = _flatten(_state(callback), f"callbacks/{index}.{name}", tensors)
        nodes.append({"name": name, "state": node})
    return nodes, tensors


def restore(callbacks: Sequence[Any], nodes: list[Any], arrays: dict[str, np.ndarray]) -> None:
    """Put saved states back.

    Raises:
        ValueError: the callbacks are others than those that were saved.
    """
    here, there = [type(c).__name__ for c in callbacks], [n["name"] for n in nodes]
    if here != there:
        raise ValueError(
            f"The run was saved with the callbacks {there}, and is now given {here}. Give the "
            'same in the same order, or begin anew with resume="never" in another directory.'
        )
    for callback, node in zip(callbacks, nodes, strict=True):
        state = _unflatten(node["state"], arrays)
        if state:
            _set_state(callback, state)

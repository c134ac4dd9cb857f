"""Configurations: put in one form, compared, and told apart from what was given."""

import json
import math
from typing import Any

import keras
import numpy as np

GETTERS = (
    keras.activations.get,
    keras.initializers.get,
    keras.regularizers.get,
    keras.constraints.get,
    keras.losses.get,
    keras.metrics.get,
    keras.optimizers.get,
    keras.dtype_policies.get,
)


def plain(value: Any) -> Any:
    """One form for what means the same: tuples as lists, Keras' objects as their configuration.

    `build_config` is left out: a wrapper's inner layer gains one when it is built, and loses
    nothing by it.
    """
    if isinstance(value, dict):
        if value.get("class_name") in ("__tuple__", "__list__"):
            return plain(value["items"])
        if value.get("class_name") == "__numpy__":
            return plain(value["config"]["value"])
        if value.get("class_name") == "function":
            return value.get("registered_name") or value["config"]
        return {str(k): plain(v) for k, v in value.items() if k not in ("build_config", "module")}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return plain(keras.saving.serialize_keras_object(value))


def same(a: Any, b: Any) -> bool:
    """Whether two plain values agree, floats to float32's precision."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (bool, str)) or isinstance(b, (bool, str)) or a is None or b is None:
        return a == b and type(a) is type(b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-30) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def held(given: Any, stored: Any) -> bool:
    """Whether the configuration's entry is what was given to `__init__`, in whatever form.

    A name stands for its object (`"relu"`), a number for a tuple of it (`kernel_size=3`).
    """
    given_plain, stored_plain = plain(given), plain(stored)
    if same(given_plain, stored_plain):
        return True
    if isinstance(given, (int, float)) and isinstance(stored_plain, list) and stored_plain:
        return all(same(given, entry) for entry in stored_plain)
    return any(
        same(_serialised(get, given), _serialised(get, stored)) is True
        for get in GETTERS
        if _serialised(get, given) is not None
    )


def _serialised(get: Any, value: Any) -> Any:
    """The plain form of what a `get` of Keras makes of the value; None if it does not know it."""
    if (
        not isinstance(value, (str, dict))
        and not hasattr(value, "get_config")
        and not callable(value)
    ):
        return None
    try:
        return plain(keras.saving.serialize_keras_object(get(value)))
    except Exception:  # each of them raises its own kind for what it does not know
        return None


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """The entries in which two plain configurations differ, as `path: a -> b`."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = []
        for key in sorted(a.keys() | b.keys()):
            where = f"{path}.{key}" if path else key
            if key not in a:
                found.append(f"{where}: absent -> {b[key]!r}")
            elif key not in b:
                found.append(f"{where}: {a[key]!r} -> absent")
            else:
                found += differences(a[key], b[key], where)
        return found
    return [] if same(a, b) else [f"{path}: {a!r} -> {b!r}"]


def through_json(part: Any) -> Any:
    """The part as it comes back from a saved file: written as JSON, read, made again."""
    text = json.dumps(keras.saving.serialize_keras_object(part))
    return keras.saving.deserialize_keras_object(
        json.loads(text), custom_objects={type(part).__name__: type(part)}
    )

"""Values of variables in one file: raw bytes, described by the manifest. Nothing is executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._state.manifest import Damaged
from mlkit._state.replicas import each_and_all, inner

NAME = "variables.bin"


def snapshot(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values now, as tensors; beside a value that replicas sum up, what each of them holds.

    No copy is made here: TensorFlow updates a variable in place only if nobody else holds its
    buffer, and as long as the snapshot does, the update makes a new one.
    """
    divided = each_and_all(variables)
    return divided | {k: _read(v) for k, v in variables.items() if k not in divided}


def _read(variable: Any) -> tf.Tensor:
    value = inner(variable)
    if not isinstance(value, tf.Variable) or hasattr(value, "values"):  # those of replicas
        return tf.convert_to_tensor(value)
    # Half of what a conversion takes, for each of perhaps hundreds, while the training waits.
    read: Any = tf.raw_ops.ReadVariableOp(resource=value.handle, dtype=value.dtype)
    return read


def write(folder: Path, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write tensors into a folder; returns their description for the manifest."""
    described, offset = [], 0
    with (folder / NAME).open("wb") as file:
        for key, value in values.items():
            array = np.ascontiguousarray(value.numpy())
            data = array.tobytes()
            file.write(data)
            described.append(
                {
                    "key": key,
                    "shape": list(value.shape),
                    "dtype": value.dtype.name,
                    "offset": offset,
                    "bytes": len(data),
                }
            )
            offset += len(data)
    return described


def read(folder: Path, described: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint, by key."""
    data = (folder / NAME).read_bytes()
    arrays = {}
    for entry in described:
        dtype = tf.as_dtype(entry["dtype"]).as_numpy_dtype
        chunk = data[entry["offset"] : entry["offset"] + entry["bytes"]]
        if len(chunk) != entry["bytes"]:
            raise Damaged(f"{NAME} ends before {entry['key']}")
        arrays[entry["key"]] = np.frombuffer(chunk, dtype).reshape(entry["shape"])
    return arrays

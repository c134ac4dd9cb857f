"""The schema of a directory of records: what is in an example, and how it is encoded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data._frames import masked_crc

FILE = "schema.json"
_VERSION = 2
# `decode_raw` knows no unsigned types of more than 16 bits.
_SIGNED = {"uint32": tf.int32, "uint64": tf.int64}


def skeleton(spec: Any, leaves: list[tf.TensorSpec], names: list[str], path: str = "") -> Any:
    """The nesting of an element as JSON; its leaves are appended to `leaves`, by path."""
    if isinstance(spec, dict):
        inner = {k: skeleton(v, leaves, names, f"{path}/{k}") for k, v in spec.items()}
        return {"dict": inner}
    if isinstance(spec, tuple):
        return {"tuple": [skeleton(v, leaves, names, f"{path}/{i}") for i, v in enumerate(spec)]}
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(
            f"Records hold dense tensors. Component {path or '/'} is a {type(spec).__name__}: "
            "write the flat values and the lengths instead, or `.to_tensor()`."
        )
    leaves.append(spec)
    names.append(path.strip("/") or "value")
    return len(leaves) - 1


def assemble(shape: Any, leaves: list[Any]) -> Any:
    """The inverse of `skeleton`: leaves back in their nesting."""
    if isinstance(shape, int):
        return leaves[shape]
    if "dict" in shape:
        return {key: assemble(value, leaves) for key, value in shape["dict"].items()}
    return tuple(assemble(value, leaves) for value in shape["tuple"])


def disassemble(shape: Any, element: Any) -> list[Any]:
    """The leaves of an element in the order of `skeleton`, where tf.nest sorts the keys."""
    if isinstance(shape, int):
        return [element]
    inner = shape["dict"].items() if "dict" in shape else enumerate(shape["tuple"])
    return [leaf for key, part in inner for leaf in disassemble(part, element[key])]


def describe(spec: Any, encode: dict[str, str]) -> dict[str, Any]:
    """The schema of elements of this `element_spec`."""
    leaves: list[tf.TensorSpec] = []
    names: list[str] = []
    nesting = skeleton(spec, leaves, names)
    unknown = set(encode) - set(names)
    if unknown:
        raise ValueError(f"`encode` names {sorted(unknown)}; the components are {names}.")
    fields = []
    for name, leaf in zip(names, leaves, strict=True):
        shape = None if leaf.shape.rank is None else list(leaf.shape)
        field = {"name": name, "dtype": leaf.dtype.name, "shape": shape}
        if name in encode:
            if encode[name] != "png" or leaf.dtype not in (tf.uint8, tf.uint16):
                raise ValueError(
                    f"`encode` takes 'png' for pictures of dtype uint8 or uint16. Received: "
                    f"{name}={encode[name]!r} of dtype {leaf.dtype.name}."
                )
            field["encoding"] = "png"
        fields.append(field)
    return {"version": _VERSION, "structure": nesting, "fields": fields}


def load(path: Path) -> dict[str, Any]:
    """The schema in a directory of records."""
    file = path / FILE
    if not file.is_file():
        raise ValueError(f"No {FILE} in {path}: `mk.data.write_records` has not written there.")
    try:
        schema = json.loads(file.read_text())
        checksum, version = schema.pop("checksum"), schema["version"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is damaged: {error}") from None
    if checksum != masked_crc(_canonical(schema)):
        raise ValueError(f"{file} is damaged: its checksum is wrong.")
    if version != _VERSION:
        raise ValueError(f"{file} has version {version}, this mlkit reads {_VERSION}.")
    return schema


def dump(schema: dict[str, Any]) -> str:
    """The text of the file: one flipped bit in it must not become another shape or dtype."""
    return json.dumps({**schema, "checksum": masked_crc(_canonical(schema))}, indent=1)


def _canonical(schema: dict[str, Any]) -> bytes:
    return json.dumps(schema, sort_keys=True).encode()


def encode(values: list[np.ndarray], schema: dict[str, Any]) -> bytes:
    """One element as the bytes of a `tf.train.Example`."""
    features = {}
    for field, value in zip(schema["fields"], values, strict=True):
        value = np.asarray(value)
        if field.get("encoding") == "png":
            data = [tf.io.encode_png(value).numpy()]
        elif field["dtype"] == "string":
            data = [bytes(item) for item in value.ravel().tolist()]
        else:
            data = [np.ascontiguousarray(value).tobytes()]
        features[field["name"]] = tf.train.Feature(bytes_list=tf.train.BytesList(value=data))
        if not fixed(field):
            shape = tf.train.Int64List(value=value.shape)
            features[f"{field['name']}:shape"] = tf.train.Feature(int64_list=shape)
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def fixed(field: dict[str, Any]) -> bool:
    """Whether all examples have one shape in this component."""
    return field["shape"] is not None and None not in field["shape"]


def parser(schema: dict[str, Any], one: bool) -> Any:
    """A function from serialised bytes to elements: of one example, or of a batch.

    In a batch all shapes must be fixed, and pictures stay encoded: `pictures` decodes them.
    """
    features: dict[str, Any] = {}
    for field in schema["fields"]:
        name = field["name"]
        if field["dtype"] == "string" and field.get("encoding") != "png":
            shape = field["shape"] if fixed(field) else None
            size = None if shape is None else [int(np.prod(shape))]
            features[name] = (
                tf.io.VarLenFeature(tf.string)
                if size is None
                else tf.io.FixedLenFeature(size, tf.string)
            )
        else:
            features[name] = tf.io.FixedLenFeature([], tf.string)
        if not fixed(field):
            rank = [] if field["shape"] is None else [len(field["shape"])]
            features[f"{name}:shape"] = (
                tf.io.FixedLenFeature(rank, tf.int64) if rank else tf.io.VarLenFeature(tf.int64)
            )

    def parse(serialised: Tensor) -> Any:
        parsed = (tf.io.parse_single_example if one else tf.io.parse_example)(serialised, features)
        leaves = [_decode(field, parsed, one) for field in schema["fields"]]
        return assemble(schema["structure"], leaves)

    return parse


def _decode(field: dict[str, Any], parsed: dict[str, Any], one: bool) -> Tensor:
    """One component; of a batch only where all shapes are equal."""
    value, dtype = parsed[field["name"]], tf.as_dtype(field["dtype"])
    if isinstance(value, tf.SparseTensor):
        value = value.values
    if field.get("encoding") == "png":
        if not one:
            return value
        value = tf.io.decode_png(value, dtype=dtype)
    elif dtype != tf.string:
        value = tf.io.decode_raw(value, _SIGNED.get(field["dtype"], dtype))
        if field["dtype"] in _SIGNED:
            value = tf.bitcast(value, dtype)
    if fixed(field):
        return tf.reshape(value, field["shape"] if one else [-1, *field["shape"]])
    shape = parsed[f"{field['name']}:shape"]
    shape = shape.values if isinstance(shape, tf.SparseTensor) else shape
    value = tf.reshape(value, shape)
    value.set_shape(field["shape"])
    return value


def pictures(schema: dict[str, Any]) -> Any:
    """A function from a parsed row with encoded pictures to its element; None: there are none."""
    fields = schema["fields"]
    if not any("encoding" in field for field in fields):
        return None

    def decode(*row: Any) -> Any:
        structure = schema["structure"]
        given = row if isinstance(structure, dict) and "tuple" in structure else row[0]
        leaves = [
            tf.reshape(tf.io.decode_png(leaf, dtype=tf.as_dtype(field["dtype"])), field["shape"])
            if "encoding" in field
            else leaf
            for field, leaf in zip(fields, disassemble(structure, given), strict=True)
        ]
        return assemble(structure, leaves)

    return decode

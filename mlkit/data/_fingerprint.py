"""Fingerprints of examples: the same content, the same number, on every machine."""

from typing import Any

import tensorflow as tf

from mlkit._core.types import Tensor
from mlkit.data._random import fold, mix


def fingerprint(rows: Any) -> Tensor:
    """A number for each row of a structure of batches, from its content alone: (n,), uint64."""
    state = None
    for leaf in tf.nest.flatten(rows):
        word = _ragged(leaf) if isinstance(leaf, tf.RaggedTensor) else _dense(leaf)
        state = fold(word) if state is None else fold(state, word)
    return state


def _dense(values: Tensor) -> Tensor:
    if values.dtype == tf.string:
        return _strings(values)
    if values.dtype == tf.bool:
        values = tf.cast(values, tf.uint8)
    flat = tf.reshape(values, [tf.shape(values)[0], -1])
    if flat.dtype.size > 1:
        flat = tf.reshape(tf.bitcast(flat, tf.uint8), [tf.shape(values)[0], -1])
    return tf.bitcast(tf.fingerprint(flat), tf.uint64)


def _strings(values: Tensor) -> Tensor:
    words = mix(tf.cast(tf.strings.to_hash_bucket_fast(values, 2**63 - 1), tf.uint64))
    flat = tf.reshape(words, [tf.shape(values)[0], -1])
    # Weighted by place, so that two columns with exchanged values do not cancel out.
    places = fold(tf.range(tf.shape(flat)[1]))
    return tf.reduce_sum(flat * (places | tf.constant(1, tf.uint64)), axis=1)


def _ragged(values: tf.RaggedTensor) -> Tensor:
    """Each row as one string; the brackets keep [[1], [2]] and [[1, 2]] apart."""
    text = values
    if text.dtype != tf.string:
        text = text.with_flat_values(tf.strings.as_string(text.flat_values))
    while isinstance(text, tf.RaggedTensor):
        text = tf.strings.reduce_join(text, axis=-1, separator="\x1f")
        text = (
            text.with_flat_values("[" + text.flat_values + "]")
            if isinstance(text, tf.RaggedTensor)
            else "[" + text + "]"
        )
    return _strings(text)

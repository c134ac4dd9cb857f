"""Prediction: the outputs of all batches, in order."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.training._array_program import cut
from mlkit.training._arrays import Arrays
from mlkit.training._programs import function
from mlkit.training._stream import Stream


def predict_arrays(engine: Any, data: Arrays) -> Any:
    """All full batches in one compiled loop, and the last one."""
    program = engine.kept(
        ("predict", data.signature()),
        lambda: function(_all_batches(engine.step(data, "predict"), data), autograph=False),
    )
    return keras.tree.map_structure(np.asarray, program(data.tensors))


def _all_batches(predict_step: Any, data: Arrays) -> Any:
    size, full, remainder = data.batch_size, data.full, data.remainder

    def run(tensors: Any) -> Any:
        step = function(predict_step)
        spec = keras.tree.map_structure(
            lambda t: tf.TensorSpec([size, *t.shape[1:]], t.dtype), tensors
        )
        outputs = step.get_concrete_function(spec).structured_outputs
        arrays = [
            tf.TensorArray(o.dtype, full, element_shape=o.shape) for o in tf.nest.flatten(outputs)
        ]

        def body(i: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
            values = tf.nest.flatten(step(cut(tensors, i * size, size)))
            return i + 1, [a.write(i, v) for a, v in zip(arrays, values, strict=True)]

        _, arrays = tf.while_loop(
            lambda i, _: i < full, body, (tf.constant(0), arrays), parallel_iterations=1
        )
        flat = [a.concat() for a in arrays]
        if remainder:
            last = tf.nest.flatten(step(cut(tensors, tf.constant(full * size), remainder)))
            flat = [tf.concat([f, v], 0) for f, v in zip(flat, last, strict=True)]
        return tf.nest.pack_sequence_as(outputs, flat)

    return run


def predict_stream(engine: Any, data: Stream) -> Any:
    """Batch by batch."""
    step = engine.kept(
        ("predict", data.signature()),
        lambda: function(engine.step(data, "predict"), reduce_retracing=True),
    )
    batches = data.dataset
    if data.steps is not None:
        batches = batches.take(data.steps)
    outputs = [keras.tree.map_structure(np.asarray, step(batch)) for batch in batches]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)

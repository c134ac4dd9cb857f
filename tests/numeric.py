"""Ours beside a formula in numpy: values, and gradients beside central differences in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def differences(function: Callable, arrays: Sequence[np.ndarray], step: float = 1e-5) -> list:
    """Gradient of the scalar `function(*arrays)` by central differences, in float64."""
    arrays = [np.array(a, np.float64) for a in arrays]
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for i in np.ndindex(*array.shape):
            kept = array[i]
            array[i] = kept + step
            up = function(*arrays)
            array[i] = kept - step
            gradient[i] = (up - function(*arrays)) / (2 * step)
            array[i] = kept
        gradients.append(gradient)
    return gradients


def check_gradients(
    ours: Callable,
    formula: Callable,
    inputs: Sequence[np.ndarray],
    weights: Sequence[Any] = (),
    tolerance: float = 2e-5,
) -> None:
    """Compare value and gradients of `ours(*inputs)` with `formula(*inputs, *weights)` in numpy.

    Args:
        ours: a layer, or a function of tensors.
        formula: the same of float64 arrays, written independently.
        inputs: float32 arrays.
        weights: Keras variables; the formula gets their values.
        tolerance: largest difference, relative to the larger of 1 and the largest entry.
    """
    values = [np.asarray(w.numpy(), np.float64) for w in weights]
    doubles = [np.asarray(x, np.float64) for x in inputs]
    tensors = [tf.constant(x) for x in inputs]
    expected = formula(*doubles, *values)
    upstream = np.random.default_rng(1).normal(size=expected.shape)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = ours(*tensors)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * upstream.astype("float32"))
    gradients = tape.gradient(loss, [*tensors, *[w.value for w in weights]])
    close(y, expected, tolerance)
    wanted = differences(lambda *a: np.sum(formula(*a) * upstream), [*doubles, *values])
    names = [f"input {i}" for i in range(len(inputs))] + [w.path for w in weights]
    for name, gradient, want in zip(names, gradients, wanted, strict=True):
        close(tf.convert_to_tensor(gradient), want, tolerance, name)


def close(ours: Any, theirs: Any, tolerance: float, name: str = "value") -> None:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=tolerance, err_msg=name)


def randomise(weights: Sequence[Any], seed: int = 0, scale: float = 1.0) -> None:
    """Give each variable normal random values: zeros and ones hide mistakes."""
    rng = np.random.default_rng(seed)
    for weight in weights:
        weight.assign(rng.normal(size=weight.shape) * scale)

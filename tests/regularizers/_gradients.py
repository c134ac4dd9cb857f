"""A penalty with its gradient, by the tape and by differences in float64."""

import numpy as np
import tensorflow as tf


def slope(regularizer, w):
    """Penalty and gradient of it as the tape sees them."""
    w = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(w)
        penalty = regularizer(w)
    return float(penalty), np.asarray(tape.gradient(penalty, w))


def numeric(function, w, step=1e-6):
    """Central differences of a numpy function."""
    result = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        up, down = w.copy(), w.copy()
        up[index] += step
        down[index] -= step
        result[index] = (function(up) - function(down)) / (2 * step)
    return result

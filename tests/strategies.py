"""The strategy of the tests that need two replicas."""

import functools

import tensorflow as tf


@functools.cache
def two_replicas():
    """Two logical CPUs; not with the default collectives: those of two strategies would meet."""
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )

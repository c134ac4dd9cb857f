"""What cannot be resumed is refused by name, and nothing else is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlkit as mk

D = tf.data.Dataset


@pytest.fixture(autouse=True)
def no_global_seed():
    """With a global seed, tf.data derives one for each shuffle that was not given any."""
    tf.random.set_seed(None)


def generated():
    return D.from_generator(lambda: iter([1, 2]), output_signature=tf.TensorSpec([], tf.int64))


def with_generator():
    generator = tf.random.Generator.from_seed(1)
    return D.range(3).map(lambda i: generator.normal([]))


def with_keras_layer():
    layer = keras.layers.RandomFlip(seed=1)
    return D.from_tensor_slices(np.zeros((2, 4, 4, 3), "f4")).map(lambda x: layer(x, training=True))


REFUSED = {
    "from_generator": (generated, "from_generator"),
    "py_function": (lambda: D.range(3).map(lambda i: tf.py_function(lambda a: a, [i], tf.int64)), "py_function"),
    "numpy_function": (lambda: D.range(3).map(lambda i: tf.numpy_function(lambda a: a, [i], tf.int64)), "numpy_function"),
    "uniform": (lambda: D.range(3).map(lambda i: tf.random.uniform([])), "tf.random.uniform"),
    "normal": (lambda: D.range(3).map(lambda i: tf.random.normal([])), "tf.random.normal"),
    "shuffled inside": (lambda: D.range(3).map(lambda i: tf.random.shuffle(tf.range(3))), "tf.random.shuffle"),
    "nested": (lambda: D.range(3).flat_map(lambda i: D.range(2).map(lambda j: tf.random.uniform([]))), "tf.random.uniform"),
    "generator": (with_generator, "tf.random.Generator"),
    "keras layer": (with_keras_layer, "Keras layer"),
    "shuffle": (lambda: D.range(9).shuffle(3), "without a seed"),
    "interleave": (lambda: D.range(3).interleave(lambda i: D.range(5).shuffle(3, seed=1)), "inside `interleave`"),
    "sample": (lambda: D.sample_from_datasets([D.range(3), D.range(3)], [0.5, 0.5]), "random draws"),
    "unordered": (lambda: D.range(3).map(lambda i: i, 2, deterministic=False), "deterministic=False"),
    "window": (lambda: mk.data.pipeline(np.arange(9), 3).window(2).flat_map(lambda w: w), "mk.data.windows"),
    "interleave after": (lambda: mk.data.pipeline(np.arange(9), 3).interleave(D.from_tensors, num_parallel_calls=2), "without `num_parallel_calls`"),
}  # fmt: skip
ALLOWED = {
    "chain": lambda: D.range(9).shuffle(9, seed=1).map(lambda i: i + 1, 2).batch(2).prefetch(1),
    "stateless": lambda: D.range(9).map(lambda i: tf.random.stateless_uniform([], [1, i])),
    "sample": lambda: D.sample_from_datasets([D.range(3), D.range(3)], [0.5, 0.5], seed=1),
    "bucket": lambda: D.range(9).map(tf.range).bucket_by_sequence_length(tf.size, [3], [2, 2]),
    "pipeline": lambda: mk.data.pipeline(np.arange(9), 3),
    "pipeline and more": lambda: mk.data.pipeline(np.arange(9), 3).map(lambda x: x + 1).unbatch(),
    "cache": lambda: D.range(9).cache().repeat(2),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        mk.data.check_resumable(make())


@pytest.mark.parametrize("case", ALLOWED)
def test_allowed(case):
    mk.data.check_resumable(ALLOWED[case]())


def test_all_findings_are_named_at_once():
    bad = D.range(9).shuffle(3).map(lambda i: tf.random.uniform([]))
    with pytest.raises(ValueError, match=r"tf.random.uniform[\s\S]*without a seed"):
        mk.data.check_resumable(bad)
    with pytest.raises(TypeError, match="must be a tf.data.Dataset"):
        mk.data.check_resumable([1, 2])

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


def seeded():
    return D.range(9).shuffle(9, seed=1)


def mapped(function):
    return D.range(3).map(function)


def ours():
    return mk.data.pipeline(np.arange(9), 3)


def py_function(i):
    return tf.py_function(lambda a: a, [i], tf.int64)


def numpy_function(i):
    return tf.numpy_function(lambda a: a, [i], tf.int64)


def uniform(i):
    return tf.random.uniform([])


def shuffled(i):
    return D.range(5).shuffle(3, seed=1)


REFUSED = {
    "generated": (generated, "from_generator"),
    "py_function": (lambda: mapped(py_function), "py_function"),
    "numpy_function": (lambda: mapped(numpy_function), "numpy_function"),
    "uniform": (lambda: mapped(uniform), r"tf\.random\.uniform"),
    "normal": (lambda: mapped(lambda i: tf.random.normal([])), r"tf\.random\.normal"),
    "shuffled": (lambda: mapped(lambda i: tf.random.shuffle([1, 2])), r"tf\.random\.shuffle"),
    "nested": (lambda: D.range(3).flat_map(lambda i: mapped(uniform)), r"tf\.random\.uniform"),
    "generator": (with_generator, r"tf\.random\.Generator"),
    "keras layer": (with_keras_layer, "Keras layer"),
    "shuffle": (lambda: D.range(9).shuffle(3), "without a seed"),
    "batch": (
        lambda: D.range(9).shuffle(9, 1).map(lambda i: i).batch(2).repeat(),
        "`batch`, and then",
    ),
    "padded": (lambda: seeded().padded_batch(2).repeat(2).prefetch(1), "`shuffle`, `batch`"),
    "filter": (
        lambda: seeded().filter(lambda i: i > 3).repeat(),
        "FilterDataset`, and then `repeat",
    ),
    "repeated twice": (lambda: seeded().repeat(2).batch(4).repeat(), "`batch`, and then `repeat`"),
    "interleave": (lambda: D.range(3).interleave(shuffled), "inside `interleave`"),
    "sample": (lambda: D.sample_from_datasets([D.range(3)] * 2, [0.5, 0.5]), "random draws"),
    "unordered": (
        lambda: D.range(3).map(lambda i: i, 2, deterministic=False),
        "deterministic=False",
    ),
    "window": (lambda: ours().window(2).flat_map(lambda w: w), r"mk\.data\.windows"),
    "interleave after": (
        lambda: ours().interleave(D.from_tensors, num_parallel_calls=2),
        "without `num_parallel_calls`",
    ),
}
ALLOWED = {
    "chain": lambda: D.range(9).shuffle(9, seed=1).map(lambda i: i + 1, 2).batch(2).prefetch(1),
    "read once": lambda: seeded().batch(2),
    "repeat first": lambda: seeded().map(lambda i: i, 2).prefetch(2).repeat().batch(2).prefetch(1),
    "one order": lambda: D.range(9).shuffle(9, 1, reshuffle_each_iteration=False).batch(2).repeat(),
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
    bad = D.range(9).shuffle(3).map(uniform)
    with pytest.raises(ValueError, match=r"tf\.random\.uniform[\s\S]*without a seed"):
        mk.data.check_resumable(bad)
    with pytest.raises(TypeError, match=r"must be a tf\.data\.Dataset"):
        mk.data.check_resumable([1, 2])

"""Stateless random numbers for a batch: each example has a key of its own.

A key depends on (seed, epoch, index of the example) only, so that neither the batch in which an
example arrives, nor the number of parallel calls, nor a restart changes what is drawn for it.
The generator is splitmix64, a counter and a mix of 64 bits: about ten vectorised operations for
all numbers of a batch, where `tf.random.stateless_uniform` takes one seed for a whole tensor.
"""

import tensorflow as tf

from mlkit._core.types import Tensor

_GOLDEN = 0x9E3779B97F4A7C15

# AutoGraph would translate them anew for each function that is traced: half of what a pipeline
# takes to be built.
_PLAIN = tf.autograph.experimental.do_not_convert


def _u64(value: int) -> Tensor:
    return tf.constant(value, tf.uint64)


def as_word(value: int | Tensor) -> Tensor:
    """An integer, also a negative one, as an unsigned word of 64 bits."""
    if isinstance(value, int):
        return _u64(value % 2**64)
    return tf.cast(value, tf.uint64)


def mix(word: Tensor) -> Tensor:
    """The output function of splitmix64: every input bit changes half of the output bits."""
    word = (word ^ tf.bitwise.right_shift(word, _u64(30))) * _u64(0xBF58476D1CE4E5B9)
    word = (word ^ tf.bitwise.right_shift(word, _u64(27))) * _u64(0x94D049BB133111EB)
    return word ^ tf.bitwise.right_shift(word, _u64(31))


@_PLAIN
def fold(*words: int | Tensor) -> Tensor:
    """One well mixed word from several integers (scalars or tensors that broadcast)."""
    state = _u64(_GOLDEN)
    for word in words:
        state = mix((state ^ as_word(word)) + _u64(_GOLDEN))
    return state


@_PLAIN
def keys(seed: int | Tensor, epoch: int | Tensor, index: Tensor) -> Tensor:
    """Random keys of examples, one for each, for the augmentations of mlkit.

    Args:
        seed: integer, or scalar integer tensor.
        epoch: integer ≥ 0, or scalar integer tensor: the same example gets another key each epoch.
        index: integer tensor of any shape: the numbers of the examples in their source.

    Returns:
        Tensor of the shape of `index`, uint64.

    Example:
        >>> import mlkit as mk
        >>> mk.data.keys(seed=0, epoch=1, index=[3, 4, 5]).shape
        TensorShape([3])

    Reference:
        Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators",
        https://doi.org/10.1145/2714064.2660195.
    """
    return fold(seed, epoch, tf.convert_to_tensor(index))


@_PLAIN
def words(key: Tensor, count: int, stream: int = 0) -> Tensor:
    """`count` words for each key, shape `key.shape + (count,)`; streams are independent."""
    start = mix(key ^ mix(as_word(stream + 1) * _u64(_GOLDEN)))
    steps = tf.cast(tf.range(1, count + 1), tf.uint64) * _u64(_GOLDEN)
    return mix(start[..., None] + steps)


def uniform(
    key: Tensor, count: int, low: float = 0.0, high: float = 1.0, stream: int = 0
) -> Tensor:
    """`count` numbers in [low, high) for each key, float32, shape `key.shape + (count,)`."""
    # The upper 24 bits: what a float32 in [0, 1) holds without rounding up to 1.
    top = tf.bitwise.right_shift(words(key, count, stream), _u64(40))
    return tf.cast(tf.cast(top, tf.int32), tf.float32) * (2.0**-24 * (high - low)) + low

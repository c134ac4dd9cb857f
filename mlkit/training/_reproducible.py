"""The same bits in every run of a program."""

import sys

import keras
import tensorflow as tf

from mlkit._core.checks import check_integer


def reproducible(seed: int = 0) -> None:
    """Make every run of this program compute the same bits, and say what that costs.

    Seeds Python's `random`, numpy, Keras and TensorFlow, and has TensorFlow use deterministic
    kernels only. To be called first, before a model or a data set is made.

    What it costs: Keras turns XLA off (`jit_compile` has no effect in `model.fit`); parallel maps
    of tf.data that draw stateful random numbers run one by one; on a GPU some kernels are slower,
    and an operation without a deterministic one raises. The bits are those of one machine and one
    version of TensorFlow. Without it, seeds alone (`keras.utils.set_random_seed`) repeat a program
    on a CPU too, but for parallel maps with stateful random numbers.

    Args:
        seed: integer ≥ 0. Default 0.

    Returns:
        None.

    Raises:
        ValueError: `seed` is negative.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> keras.utils.set_random_seed(1)  # of what `reproducible(1)` does, the part with a seed
        >>> first = float(keras.random.uniform(()))
        >>> keras.utils.set_random_seed(1)
        >>> first == float(keras.random.uniform(()))
        True
    """
    check_integer("seed", seed, low=0)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    sys.stderr.write(
        f"mlkit: reproducible, seed {seed}. XLA is off in model.fit, maps with stateful random "
        "numbers are not parallel, and operations without a deterministic kernel raise.\n"
    )

"""Gaussian noise on the gradients that fades as training goes on."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf  # keras.random takes no seed that is a pair of tensors
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.precision import wide
from mlkit._core.types import Variable
from mlkit.gradients._seeds import Counter
from mlkit.gradients._transform import Gradients, Transform, written
from mlkit.ops._slices import dense


def add_noise(eta: float = 0.3, gamma: float = 0.55, seed: int | None = None) -> Transform:
    """Add Gaussian noise to each gradient, less of it at each update.

    The variance at update t = 0, 1, ... is `eta / (1 + t) ** gamma`. Helps very deep and badly
    initialised nets out of saddle points.

    The transform owns two variables, the count of its calls and its seed (`state_variables`), so
    that a continued run draws what the uninterrupted one would have drawn. The draws depend on the
    two alone: all replicas of a strategy add the same noise; make the transform inside the
    strategy's scope. XLA draws other numbers from a seed than a plain graph, as for dropout.

    The gradient of an embedding becomes dense, since each row gets noise. Put the noise after
    clipping.

    Args:
        eta: variance at the first update, ≥ 0. Default 0.3; the authors take 0.01, 0.3 or 1.0.
        gamma: exponent of the decay, ≥ 0; 0 keeps the variance. Default 0.55.
        seed: integer ≥ 0; default: from Python's `random`, and so from
            `keras.utils.set_random_seed`.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `eta` or `gamma` is negative.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> noise = mk.gradients.add_noise(eta=1.0, seed=0)
        >>> w = keras.Variable(keras.ops.zeros(1000))
        >>> noisy = noise([keras.ops.zeros(1000)], [w])[0]
        >>> round(float(keras.ops.std(noisy)), 1)
        1.0
        >>> [int(v) for v in noise.state_variables]
        [1, 0]

    Reference:
        Neelakantan et al., 2015, https://arxiv.org/abs/1511.06807.
    """
    check_number("eta", eta, low=0)
    check_number("gamma", gamma, low=0)
    counter = Counter("add_noise", seed)

    def one(index: int, gradient: Any, deviation: Any) -> Any:
        if gradient is None:
            return None
        gradient = dense(gradient)
        values = wide(gradient)
        drawn = tf.random.stateless_normal(
            tf.shape(values), counter.key(index), dtype=values.dtype, alg="philox"
        )
        return ops.cast(values + ops.cast(deviation, values.dtype) * drawn, gradient.dtype)

    def add(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        time = ops.cast(counter.step.value, "float32")
        deviation = ops.sqrt(eta / (1.0 + time) ** gamma)
        noisy = [one(i, g, deviation) for i, g in enumerate(gradients)]
        counter.advance()
        return noisy

    return Transform(add, written("add_noise", eta, gamma, seed=seed), counter.variables)

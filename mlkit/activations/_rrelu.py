"""RReLU: a leaky rectifier whose slope is drawn in training."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor


@register
def rrelu(
    x: Tensor,
    lower: float = 0.125,
    upper: float = 1 / 3,
    training: bool = False,
    seed: Any = None,
) -> Tensor:
    """Randomized leaky rectifier.

        rrelu(x) = x if x >= 0 else a * x

    with a drawn uniformly from [lower, upper] for each entry in training, and their mean else. As
    the `activation` of a layer it is not told of training and has the fixed slope.

    Args:
        x: tensor.
        lower: smallest slope, a number in [0, upper]; default 1/8.
        upper: largest slope, a number in [lower, 1]; default 1/3.
        training: whether slopes are drawn; default False.
        seed: integer or `keras.random.SeedGenerator` for draws that repeat, or None (default).

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: slopes are not in 0 ≤ lower ≤ upper ≤ 1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> np.asarray(mk.activations.rrelu(np.array([-4.0, 2.0]), 0.25, 0.75)).tolist()
        [-2.0, 2.0]

    Reference:
        Xu et al., 2015, Empirical Evaluation of Rectified Activations in Convolutional Network,
        https://arxiv.org/abs/1505.00853. Differs from TensorFlow Addons: no argument `rng`; `seed`
        takes a generator.
    """
    check_number("upper", upper, low=0.0, high=1.0)
    check_number("lower", lower, low=0.0, high=upper)
    x = ops.convert_to_tensor(x)
    slope = (lower + upper) / 2
    if training:
        slope = keras.random.uniform(ops.shape(x), lower, upper, dtype="float32", seed=seed)
        slope = ops.cast(slope, x.dtype)
    return ops.where(x >= 0, x, slope * x)

"""Snake: a line with a wave on it."""

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Tensor


@register
def snake(x: Tensor, frequency: float = 1.0) -> Tensor:
    """Identity plus a periodic part, for data that repeat themselves.

        snake(x) = x + (1 - cos(2 a x)) / (2 a) = x + sin(a x)² / a,        a = frequency

    It is monotonic, and networks of it go on periodically outside the range of the training data,
    where those of ReLU are linear and those of sine do not train.

    Args:
        x: tensor.
        frequency: a, a number > 0; default 1.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> [round(float(y), 4) for y in mk.activations.snake(np.array([0.0, np.pi / 2, np.pi]))]
        [0.0, 2.5708, 3.1416]

    Reference:
        Ziyin, Hartwig and Ueda, 2020, Neural Networks Fail to Learn Periodic Functions and How to
        Fix It, https://arxiv.org/abs/2006.08195.
    """
    check_number("frequency", frequency, low=0.0, open_low=True)
    x = ops.convert_to_tensor(x)
    # The sine of a product is small where 1 - cos would lose its digits.
    return x + ops.square(ops.sin(frequency * x)) / frequency

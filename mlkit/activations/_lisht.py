"""LiSHT: a parabola near zero and the absolute value far from it."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor


@register
def lisht(x: Tensor) -> Tensor:
    """Linearly scaled hyperbolic tangent.

        lisht(x) = x * tanh(x)

    It is symmetric, not negative, and smooth.

    Args:
        x: tensor.

    Returns:
        Tensor of the shape and dtype of `x`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> [round(float(y), 4) for y in mk.activations.lisht(np.array([-1.0, 0.0, 1.0]))]
        [0.7616, 0.0, 0.7616]

    Reference:
        Roy et al., 2019, LiSHT: Non-Parametric Linearly Scaled Hyperbolic Tangent Activation
        Function for Neural Networks, https://arxiv.org/abs/1901.05894.
    """
    x = ops.convert_to_tensor(x)
    return x * ops.tanh(x)

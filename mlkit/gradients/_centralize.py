"""Gradients with a mean of zero for each unit."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.precision import wide
from mlkit._core.types import Variable
from mlkit.gradients._transform import Gradients, Transform, written
from mlkit.gradients._units import is_embedding, unit_axes
from mlkit.ops._slices import dense


def centralize() -> Transform:
    """Subtract from each unit's gradient its mean.

    `g - mean(g)`, the mean over the weights that lead into one output: (H, W, in) of a convolution
    kernel, the inputs of a dense one; other kernels as for `mlkit.gradients.adaptive_clip`. Biases
    and other vectors, and embeddings, stay as they are. It smooths the loss and often improves
    generalisation of convolutional nets.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> kernel, bias = keras.Variable([[0.0], [0.0]]), keras.Variable([0.0])
        >>> grads = [keras.ops.array([[1.0], [3.0]]), keras.ops.array([5.0])]
        >>> [g.numpy().tolist() for g in mk.gradients.centralize()(grads, [kernel, bias])]
        [[[-1.0], [1.0]], [5.0]]

    Reference:
        Yong, Huang, Hua and Zhang, 2020, https://arxiv.org/abs/2004.01461.
    """

    def one(gradient: Any, variable: Variable) -> Any:
        rank = len(variable.shape)
        if gradient is None or rank <= 1 or is_embedding(variable):
            return gradient
        gradient = dense(gradient)
        mean = ops.mean(wide(gradient), axis=unit_axes(variable, rank), keepdims=True)
        return ops.cast(wide(gradient) - mean, gradient.dtype)

    def subtract(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        return [one(g, v) for g, v in zip(gradients, variables, strict=True)]

    return Transform(subtract, written("centralize"))

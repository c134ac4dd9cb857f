"""Gradients of length one."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.types import Variable
from mlkit.gradients._slices import global_norm, squared_norm, times
from mlkit.gradients._transform import Gradients, Transform, written


def normalize(by: str = "global", eps: float = 1e-7) -> Transform:
    """Divide the gradients by their norm: only their direction is used.

    `g / (‖g‖ + eps)`. The learning rate is then the length of each plain SGD step, whatever the
    scale of the loss.

    Args:
        by: `"global"`, the norm of all gradients together, or `"variable"`, each by its own.
            Default `"global"`.
        eps: added to the norm, outside of the root, > 0. Default 1e-7.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `by` is another word, or `eps` is not positive.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> grads = [keras.ops.array([3.0, 4.0])]
        >>> [round(float(x), 3) for x in mk.gradients.normalize()(grads, [None])[0]]
        [0.6, 0.8]

    Reference:
        Hazan, Levy and Shalev-Shwartz, 2015, https://arxiv.org/abs/1507.02030.
    """
    check_choice("by", by, ["global", "variable"])
    check_number("eps", eps, low=0, open_low=True)

    def one(gradient: Any) -> Any:
        if gradient is None:
            return None
        return times(gradient, 1.0 / (ops.sqrt(squared_norm(gradient)) + eps))

    def divide(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        if by == "variable":
            return [one(g) for g in gradients]
        factor = 1.0 / (global_norm(gradients) + eps)
        return [times(g, factor) for g in gradients]

    return Transform(divide, written("normalize", by=by, eps=eps))

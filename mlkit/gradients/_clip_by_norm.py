"""Clipping each gradient by its own norm."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.types import Variable
from mlkit.gradients._slices import squared_norm, times
from mlkit.gradients._transform import Gradients, Transform, written


def clip_by_norm(clip_norm: float) -> Transform:
    """Scale down each variable's gradient whose own norm is too large.

    `g · clip_norm / max(‖g‖, clip_norm)` for each variable. The direction of the whole update
    changes where some gradients are clipped and others not; `mlkit.gradients.clip_by_global_norm`
    keeps it.

    A gradient whose norm is not finite becomes NaN.

    Args:
        clip_norm: largest L2 norm of each gradient, > 0.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `clip_norm` is not positive.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> grads = [keras.ops.array([3.0, 4.0]), keras.ops.array([0.5])]
        >>> clipped = mk.gradients.clip_by_norm(1.0)(grads, [None, None])
        >>> [[round(float(x), 3) for x in g] for g in clipped]
        [[0.6, 0.8], [0.5]]
    """
    check_number("clip_norm", clip_norm, low=0, open_low=True)

    def one(gradient: Any) -> Any:
        if gradient is None:
            return None
        norm = ops.sqrt(squared_norm(gradient))
        factor = clip_norm / ops.maximum(norm, clip_norm)
        return times(gradient, ops.where(ops.isfinite(norm), factor, float("nan")))

    def clip(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        return [one(g) for g in gradients]

    return Transform(clip, written("clip_by_norm", clip_norm))

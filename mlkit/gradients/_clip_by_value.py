"""Clipping each entry of each gradient."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.types import Variable
from mlkit.gradients._slices import with_values
from mlkit.gradients._transform import Gradients, Transform, written
from mlkit.ops._slices import is_slices, summed


def clip_by_value(clip_value: float) -> Transform:
    """Limit each entry of each gradient to [-clip_value, clip_value].

    The direction of the update changes. NaN stays NaN; an infinity becomes `clip_value` with its
    sign, so put `mlkit.gradients.skip_nonfinite` before it where that must not happen.

    Args:
        clip_value: largest absolute value of an entry, > 0.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `clip_value` is not positive.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> grads = [keras.ops.array([3.0, -4.0, 0.5])]
        >>> mk.gradients.clip_by_value(1.0)(grads, [None])[0].numpy().tolist()
        [1.0, -1.0, 0.5]
    """
    check_number("clip_value", clip_value, low=0, open_low=True)

    def one(gradient: Any) -> Any:
        if gradient is None:
            return None
        if is_slices(gradient):
            # What is limited is the sum of the rows that stand there several times.
            gradient = summed(gradient)
            return with_values(gradient, ops.clip(gradient.values, -clip_value, clip_value))
        return ops.clip(gradient, -clip_value, clip_value)

    def clip(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        return [one(g) for g in gradients]

    return Transform(clip, written("clip_by_value", clip_value))

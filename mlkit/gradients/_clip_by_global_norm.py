"""Clipping by the norm of all gradients together."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.types import Variable
from mlkit.gradients._slices import global_norm, times
from mlkit.gradients._transform import Gradients, Transform, written


def clip_by_global_norm(clip_norm: float) -> Transform:
    """Scale all gradients down together if their joint norm is too large.

    `g · clip_norm / max(‖all gradients‖, clip_norm)`: the direction of the update stays. The usual
    choice for recurrent nets and transformers, with 0.25 to 5.

    A norm that is not finite makes every gradient NaN, so that the failure is seen. The norm is
    taken in float32 or more; rows of an embedding that stand in the gradient several times are
    summed first.

    Args:
        clip_norm: largest joint L2 norm, > 0.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `clip_norm` is not positive.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> grads = [keras.ops.array([3.0]), None, keras.ops.array([4.0])]
        >>> clipped = mk.gradients.clip_by_global_norm(1.0)(grads, [None] * 3)
        >>> [g if g is None else round(float(g[0]), 3) for g in clipped]
        [0.6, None, 0.8]

    Reference:
        Pascanu, Mikolov and Bengio, 2013, https://arxiv.org/abs/1211.5063. Differs from
        `tf.clip_by_global_norm` in the norm of `tf.IndexedSlices` with repeated rows, which is that
        of the sum here; from `torch.nn.utils.clip_grad_norm_` in the 1e-6 added to the norm there.
    """
    check_number("clip_norm", clip_norm, low=0, open_low=True)

    def clip(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        norm = global_norm(gradients)
        factor = clip_norm / ops.maximum(norm, clip_norm)
        # inf would give a factor of 0, and 0 · inf = NaN in some entries only.
        factor = ops.where(ops.isfinite(norm), factor, float("nan"))
        return [times(g, factor) for g in gradients]

    return Transform(clip, written("clip_by_global_norm", clip_norm))

"""Clipping each unit's gradient by the norm of its weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf  # keras.ops has no gather that knows IndexedSlices
from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.patterns import check_patterns, chosen
from mlkit._core.precision import wide
from mlkit._core.types import Tensor, Variable
from mlkit.gradients._slices import with_values
from mlkit.gradients._transform import Gradients, Transform, written
from mlkit.gradients._units import unit_axes, unit_norm
from mlkit.ops._slices import dense, is_slices, summed


def adaptive_clip(
    clip_factor: float = 0.01,
    eps: float = 1e-3,
    *,
    axes: Mapping[str, Sequence[int]] | None = None,
) -> Transform:
    """Limit the gradient of each unit relative to the norm of its weights (AGC).

    `g ← g · λ max(‖w‖, ε) / ‖g‖` where `‖g‖ > λ max(‖w‖, ε)`, with λ = `clip_factor`, ε = `eps` and
    the norms over the weights that lead into one output. It lets nets without batch normalisation
    train at large batches and learning rates.

    A unit is one output of a layer. The norm runs over all axes but the last: (H, W, in) of a
    convolution kernel, the inputs of a dense one. It runs over (H, W) of a depthwise kernel, over
    all but the output axis of a transposed convolution, over the inputs of the query, key and value
    of attention, along a row of an embedding, and over all of a bias. These are told apart by the
    rank and by the names that Keras gives its layers and variables; for other names give `axes`.

    The authors do not clip the last dense layer: leave it out by
    `axes={"head/kernel": ()}`, which makes each entry a unit, or clip it with another transform.

    Args:
        clip_factor: λ, largest ratio of the norms, > 0. Default 0.01, for batches of 1,024 and
            more; the smaller the batch, the larger it may be (0.16 at 256).
        eps: ε, least norm of weights, so that new weights near 0 can move, > 0. Default 1e-3.
        axes: from a regular expression that is found in a variable's path to the axes of its norm,
            before the rules above. Default: none.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Raises:
        ValueError: `clip_factor` or `eps` is not positive; when called, a pattern of `axes` is in
            no path.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([[3.0, 0.0], [4.0, 1.0]])
        >>> g = keras.ops.ones((2, 2))
        >>> clipped = mk.gradients.adaptive_clip(0.1)([g], [w])[0]
        >>> [[round(float(x), 3) for x in row] for row in clipped]
        [[0.354, 0.071], [0.354, 0.071]]

    Reference:
        Brock, De, Smith and Simonyan, 2021, https://arxiv.org/abs/2102.06171. Differs from timm's
        `adaptive_clip_grad`, which takes the norm over all axes but the first: right for torch's
        layout of kernels (out, in, H, W), wrong for Keras' (H, W, in, out).
    """
    check_number("clip_factor", clip_factor, low=0, open_low=True)
    check_number("eps", eps, low=0, open_low=True)
    special = {} if axes is None else {key: tuple(value) for key, value in axes.items()}
    patterns = list(special)
    check_patterns("axes", patterns)

    def factor(values: Tensor, weights: Tensor, over: tuple[int, ...] | None) -> Tensor:
        limit = clip_factor * ops.maximum(unit_norm(weights, over), eps)
        norm = unit_norm(values, over)
        # Where nothing is clipped the norm may be 0. An infinite norm gives NaN, not 0.
        clipped = limit / ops.where(norm > limit, norm, ops.ones_like(norm))
        clipped = ops.where(ops.isfinite(norm), clipped, float("nan"))
        return ops.where(norm <= limit, ops.ones_like(norm), clipped)

    def one(gradient: Any, variable: Variable, place: int | None) -> Any:
        if gradient is None:
            return None
        rank = len(variable.shape)
        over = unit_axes(variable, rank) if place is None else special[patterns[place]]
        weights = wide(variable)
        if is_slices(gradient):
            if over is not None and 0 not in over:
                gradient = summed(gradient)
                rows = factor(gradient.values, tf.gather(weights, gradient.indices), over)
                values = wide(gradient.values) * rows
                return with_values(gradient, ops.cast(values, gradient.dtype.name))
            gradient = dense(gradient)
        values = wide(gradient) * factor(gradient, weights, over)
        return ops.cast(values, gradient.dtype)

    def clip(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        places = chosen("axes", patterns, variables)
        return [one(*pair) for pair in zip(gradients, variables, places, strict=True)]

    return Transform(clip, written("adaptive_clip", clip_factor, eps, axes=axes))

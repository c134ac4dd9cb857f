"""Gradients that are all zero where one is not finite."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlkit._core.types import Variable
from mlkit.gradients._slices import all_finite, each
from mlkit.gradients._transform import Gradients, Transform, written


def skip_nonfinite() -> Transform:
    """Replace all gradients by zeros if any of them holds an infinity or NaN.

    One bad batch then does not destroy the weights. The optimizer still takes its step: without
    momentum and weight decay nothing moves, with them the weights go on by what the earlier
    gradients and the decay say, and the step counts. How many times it happened is a variable, the
    one entry of `state_variables`: look at it after training, since zeros for ever would look like
    convergence.

    A `LossScaleOptimizer` skips such a step itself. Under `mk.training.apply_gradients` it still
    does: what the transforms make of an overflow is not seen.

    Returns:
        A transform `(gradients, variables) -> gradients`.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> skip = mk.gradients.skip_nonfinite()
        >>> grads = [keras.ops.array([1.0, float("nan")]), keras.ops.array([2.0])]
        >>> [g.numpy().tolist() for g in skip(grads, [None, None])]
        [[0.0, 0.0], [0.0]]
        >>> int(skip.state_variables[0])
        1
    """
    skipped = keras.Variable(
        0,
        dtype="int32",
        trainable=False,
        name="skip_nonfinite_count",
        aggregation="only_first_replica",
    )

    def skip(gradients: Gradients, variables: Sequence[Variable]) -> list[Any]:
        finite = all_finite(gradients)
        skipped.assign_add(ops.cast(ops.logical_not(finite), "int32"))
        # Not a product: 0 · NaN = NaN.
        return [each(lambda g: ops.where(finite, g, ops.zeros_like(g)), g) for g in gradients]

    return Transform(skip, written("skip_nonfinite"), [skipped])

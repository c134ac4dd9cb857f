"""Penalty on undecided predictions."""

from keras import ops, regularizers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.precision import wide
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor


@register
class Entropy(regularizers.Regularizer):
    """Sum of the entropies of predicted distributions, for `activity_regularizer`.

        factor * sum over examples of H(p),        H(p) = -sum over classes of p log p

    It rewards decided predictions, as is wanted on unlabelled examples. Keras divides the penalty
    of an activity by the batch size. `mlkit.regularizers.ConfidencePenalty` is the opposite.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 0.1.
        from_logits: whether the activity is logits (a softmax is taken) or probabilities; default
            False.
        axis: axis of the classes, an integer; default -1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> p = np.array([[0.5, 0.5], [1.0, 0.0]])
        >>> round(float(mk.regularizers.Entropy(1.0)(p)), 4)
        0.6931

    Reference:
        Grandvalet and Bengio, 2005, Semi-supervised Learning by Entropy Minimization,
        https://papers.nips.cc/paper/2740-semi-supervised-learning-by-entropy-minimization.
    """

    def __init__(self, factor: float = 0.1, from_logits: bool = False, axis: int = -1) -> None:
        check_number("factor", factor, low=0.0)
        check_bool("from_logits", from_logits)
        check_integer("axis", axis)
        self.factor = factor
        self.from_logits = from_logits
        self.axis = axis

    def __call__(self, x: Tensor) -> Tensor:
        x = wide(x)
        if self.from_logits:
            log_p = ops.log_softmax(x, axis=self.axis)
            return -self.factor * ops.sum(ops.exp(log_p) * log_p)
        # p log p is zero at zero, but its slope is not finite there.
        some = x > 0
        return -self.factor * ops.sum(
            ops.where(some, x * ops.log(ops.where(some, x, ops.ones_like(x))), ops.zeros_like(x))
        )

    def get_config(self) -> Config:
        return {"factor": self.factor, "from_logits": self.from_logits, "axis": self.axis}

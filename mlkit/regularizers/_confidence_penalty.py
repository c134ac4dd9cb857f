"""Penalty on predictions that are too sure."""

from keras import regularizers

from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.regularizers._entropy import Entropy


@register
class ConfidencePenalty(regularizers.Regularizer):
    """Negative entropy of predicted distributions, for `activity_regularizer`.

        -factor * sum over examples of H(p)

    See `mlkit.regularizers.Entropy`, whose opposite it is. It keeps a classifier from putting all
    its belief on one class, much as label smoothing does, and improves calibration. The smallest
    value is -factor * log(classes) an example.

    Args:
        factor: weight of the penalty, a number ≥ 0; default 0.1.
        from_logits: whether the activity is logits (a softmax is taken) or probabilities; default
            False.
        axis: axis of the classes, an integer; default -1.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> p = np.array([[0.5, 0.5], [1.0, 0.0]])
        >>> round(float(mk.regularizers.ConfidencePenalty(1.0)(p)), 4)
        -0.6931

    Reference:
        Pereyra et al., 2017, Regularizing Neural Networks by Penalizing Confident Output
        Distributions, https://arxiv.org/abs/1701.06548.
    """

    def __init__(self, factor: float = 0.1, from_logits: bool = False, axis: int = -1) -> None:
        self._entropy = Entropy(factor, from_logits, axis)
        self.factor = factor
        self.from_logits = from_logits
        self.axis = axis

    def __call__(self, x: Tensor) -> Tensor:
        return -self._entropy(x)

    def get_config(self) -> Config:
        return {"factor": self.factor, "from_logits": self.from_logits, "axis": self.axis}

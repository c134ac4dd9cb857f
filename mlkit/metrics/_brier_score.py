"""Mean squared error of probabilities."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._probabilities import probability_pairs
from mlkit.metrics._sample_mean import SampleMean


@register
class BrierScore(SampleMean):
    """Mean squared error of probabilities: calibration and sharpness in one number.

    With several classes Σ_c (p_c - [y = c])², between 0 and 2, averaged over examples; with a
    single probability (p - y)², between 0 and 1. Lower is better, and only true probabilities
    reach the minimum: it is a proper score.

    Labels are integers of shape `(N,)` or `(N, 1)`, or one-hot rows; predictions probabilities of
    shape `(N, classes)`, or `(N,)` or `(N, 1)` for class 1 of two.

    Args:
        from_logits: whether predictions are logits, to go through a softmax or sigmoid. Default
            False.
        name: of the metric. Default `"brier_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes that do not match; outside XLA also a class out of range, and
            probabilities outside of [0, 1] or NaN. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.BrierScore()
        >>> metric.update_state([0, 1], [[0.5, 0.5], [0.0, 1.0]])
        >>> float(metric.result())
        0.25

    Reference:
        Brier, 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2;
        `sklearn.metrics.brier_score_loss`, with `scale_by_half` for a single probability only.
    """

    def __init__(
        self, *, from_logits: bool = False, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_bool("from_logits", from_logits)
        self.from_logits = from_logits

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        true, prob, weight = probability_pairs(y_true, y_pred, sample_weight, self.from_logits)
        classes = prob.shape[-1]
        prob = ops.cast(prob, "float64")
        if classes == 1:
            return ops.square(prob[:, 0] - ops.cast(true, "float64")), weight
        target = ops.one_hot(true, classes, dtype="float64")
        return ops.sum(ops.square(prob - target), axis=-1), weight

    def get_config(self) -> Config:
        return {**super().get_config(), "from_logits": self.from_logits}

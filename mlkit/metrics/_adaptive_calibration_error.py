"""Calibration error over bins that hold the same number of examples."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._buffered import Buffered
from mlkit.metrics._calibration_bins import bin_sums, calibration_error
from mlkit.metrics._expected_calibration_error import top_label
from mlkit.metrics._probabilities import probability_pairs
from mlkit.metrics._ranks import below_and_tied
from mlkit.metrics._streaming import ratio


@register
class AdaptiveCalibrationError(Buffered):
    """Calibration error over bins that hold the same number of examples.

    As `mlkit.metrics.ExpectedCalibrationError`, but the bins are quantiles of the confidence: a
    trained classifier puts most examples near 1, where bins of equal width see few of the rest. An
    example with the share s of the weight below it is in bin floor(s * num_bins); examples of the
    same confidence are in the same bin. Quantiles need all examples at once, so three numbers of
    float64 are kept for each.

    Labels are integers of shape `(N,)` or `(N, 1)`, or one-hot rows; predictions probabilities of
    shape `(N, classes)`, or `(N,)` or `(N, 1)` for class 1 of two.

    Args:
        num_bins: number of bins, at least 1. Default 15.
        from_logits: whether predictions are logits, to go through a softmax or sigmoid. Default
            False.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 65,536.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"adaptive_calibration_error"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range, probabilities outside of [0, 1] or NaN, or more examples than there is
            room for. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.AdaptiveCalibrationError(num_bins=2, capacity=10)
        >>> metric.update_state([0, 0, 1, 1], [0.0, 0.25, 0.75, 1.0])
        >>> float(metric.result())
        0.125

    Reference:
        Nguyen & O'Connor, 2015, https://arxiv.org/abs/1508.05154.
        Differs from Nixon et al., 2019, in looking at the top class only.
    """

    def __init__(
        self,
        *,
        num_bins: int = 15,
        from_logits: bool = False,
        capacity: int = 65_536,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__({"confidence": (), "hit": ()}, capacity, overflow, name=name, **kwargs)
        check_integer("num_bins", num_bins, low=1)
        check_bool("from_logits", from_logits)
        self.num_bins = num_bins
        self.from_logits = from_logits

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, prob, weight = probability_pairs(y_true, y_pred, sample_weight, self.from_logits)
        confidence, hit = top_label(true, prob)
        self._store({"confidence": confidence, "hit": hit}, weight)

    def result(self) -> Tensor:
        confidence, hit = self._column("confidence"), self._column("hit")
        weight = self._column("weight")
        below, _ = below_and_tied(confidence, weight)
        share = ratio(below, ops.sum(weight), 0.0)
        # A share of 1/3 in float64 times 3 may fall a hair short of 1.
        index = ops.floor(share * self.num_bins * (1 + 1e-12))
        index = ops.cast(ops.clip(index, 0, self.num_bins - 1), "int32")
        rows = ops.stack([weight, weight * confidence, weight * hit], axis=-1)
        sums = bin_sums(index, rows, self.num_bins)
        return self._cast(calibration_error(sums, "l1") + self.poison)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_bins": self.num_bins, "from_logits": self.from_logits}

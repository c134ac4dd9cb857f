"""Gap between the confidence of a classifier and its accuracy."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._calibration_bins import CalibrationBins, bin_of, bin_sums, calibration_error
from mlkit.metrics._probabilities import probability_pairs


@register
class ExpectedCalibrationError(CalibrationBins):
    """Gap between the confidence of a classifier and its accuracy (ECE, MCE).

    Examples go into bins of equal width by their confidence; in each the gap is
    |accuracy - mean confidence|. `norm="l1"` is their mean, weighted by the examples (ECE), `"l2"`
    the root of their mean square (RMSCE), `"max"` the largest one (MCE). The confidence is the
    highest probability; with a single probability, that of class 1, against the share of 1. Bins
    are closed on the right: 1.0 is in the last, 0.0 in the first.

    Labels are integers of shape `(N,)` or `(N, 1)`, or one-hot rows; predictions probabilities of
    shape `(N, classes)`, or `(N,)` or `(N, 1)` for class 1 of two. `reliability` holds the bins,
    `plot()` draws them.

    Args:
        num_bins: number of bins, at least 1. Default 15.
        norm: `"l1"` (default), `"l2"` or `"max"`.
        from_logits: whether predictions are logits, to go through a softmax or sigmoid. Default
            False.
        name: of the metric. Default `"expected_calibration_error"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range, and probabilities outside of [0, 1] or NaN. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.ExpectedCalibrationError(num_bins=10)
        >>> metric.update_state([0, 1], [[0.75, 0.25], [0.75, 0.25]])
        >>> float(metric.result())
        0.25

    Reference:
        Guo et al., 2017, https://arxiv.org/abs/1706.04599; Naeini et al., 2015.
        Differs from torchmetrics at the edges of the bins, which it closes on the left.
    """

    def __init__(
        self,
        *,
        num_bins: int = 15,
        norm: str = "l1",
        from_logits: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("num_bins", num_bins, low=1)
        check_choice("norm", norm, ("l1", "l2", "max"))
        check_bool("from_logits", from_logits)
        self.num_bins = num_bins
        self.norm = norm
        self.from_logits = from_logits
        self.sums = self.add_sum("sums", (num_bins, 3))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, prob, weight = probability_pairs(y_true, y_pred, sample_weight, self.from_logits)
        confidence, hit = top_label(true, prob)
        index = bin_of(confidence, self.num_bins)
        confidence = ops.where(weight != 0, ops.cast(confidence, "float64"), 0.0 * weight)
        rows = ops.stack([weight, weight * confidence, weight * hit], axis=-1)
        self.sums.assign_add(bin_sums(index, rows, self.num_bins))

    def result(self) -> Tensor:
        return self._cast(calibration_error(ops.convert_to_tensor(self.sums), self.norm))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "norm": self.norm,
            "from_logits": self.from_logits,
        }


def top_label(true: Tensor, prob: Tensor) -> tuple[Tensor, Tensor]:
    """Confidence of each example, and in float64 whether it was right."""
    if prob.shape[-1] == 1:
        return prob[:, 0], ops.cast(true, "float64")
    best = ops.cast(ops.argmax(prob, axis=-1), "int32")
    # With `initial`, or an empty batch has no maximum.
    return ops.max(prob, axis=-1, initial=0.0), ops.cast(best == true, "float64")

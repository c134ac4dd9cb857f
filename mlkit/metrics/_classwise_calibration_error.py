"""Gap between the probability of each class and its frequency."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._calibration_bins import CalibrationBins, bin_of, bin_sums, calibration_error
from mlkit.metrics._probabilities import probability_pairs


@register
class ClasswiseCalibrationError(CalibrationBins):
    """Gap between the probability of each class and its frequency, class by class.

    The probabilities of every class, not of the top one alone, go into bins of equal width, closed
    on the right; for each class Σ_bins share |frequency - mean probability|, and the mean of it
    over classes. Use it where the whole distribution is used, not its maximum.

    Labels are integers of shape `(N,)` or `(N, 1)`, or one-hot rows; predictions probabilities of
    shape `(N, num_classes)`. `reliability` holds the bins of each class, `plot()` draws them.

    Args:
        num_classes: number of classes, at least 2.
        num_bins: number of bins, at least 1. Default 15.
        from_logits: whether predictions are logits, to go through a softmax. Default False.
        name: of the metric. Default `"classwise_calibration_error"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range, and probabilities outside of [0, 1] or NaN. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.ClasswiseCalibrationError(num_classes=2)
        >>> metric.update_state([0, 1], [[0.75, 0.25], [0.75, 0.25]])
        >>> float(metric.result())
        0.25

    Reference:
        Kull et al., 2019, https://arxiv.org/abs/1910.12656.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        num_bins: int = 15,
        from_logits: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("num_classes", num_classes, low=2)
        check_integer("num_bins", num_bins, low=1)
        check_bool("from_logits", from_logits)
        self.num_classes = num_classes
        self.num_bins = num_bins
        self.from_logits = from_logits
        self.sums = self.add_sum("sums", (num_classes, num_bins, 3))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, prob, weight = probability_pairs(y_true, y_pred, sample_weight, self.from_logits)
        classes, bins = self.num_classes, self.num_bins
        if prob.shape[-1] != classes:
            given: Tensor = ops.convert_to_tensor(y_pred)
            raise ValueError(
                f"`y_pred` must have shape (N, {classes}), a probability a class. "
                f"Received: y_pred.shape={tuple(given.shape)}"
            )
        hit = ops.reshape(ops.one_hot(true, classes, dtype="float64"), (-1,))
        number = ops.reshape(ops.zeros_like(prob, dtype="int32") + ops.arange(classes), (-1,))
        flat = ops.reshape(prob, (-1,))
        each = ops.reshape(weight[:, None] * ops.ones((classes,), "float64"), (-1,))
        prob = ops.where(each != 0, ops.cast(flat, "float64"), 0.0 * each)
        rows = ops.stack([each, each * prob, each * hit], axis=-1)
        index = number * bins + bin_of(flat, bins)
        sums = bin_sums(index, rows, classes * bins)
        self.sums.assign_add(ops.reshape(sums, (classes, bins, 3)))

    def result(self) -> Tensor:
        return self._cast(ops.mean(calibration_error(ops.convert_to_tensor(self.sums), "l1")))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "num_bins": self.num_bins,
            "from_logits": self.from_logits,
        }

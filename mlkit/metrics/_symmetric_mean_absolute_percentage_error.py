"""Mean of the absolute error over the mean of the two absolute values."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._sample_mean import SampleMean, example_mean
from mlkit.metrics._streaming import ratio


@register
class SymmetricMeanAbsolutePercentageError(SampleMean):
    """Mean of the absolute error over the mean of the two absolute values (sMAPE).

    2 |y - ŷ| / (|y| + |ŷ|), as a fraction between 0 and 2, and 0 where both values are 0. Several
    outputs of an example are averaged.

    Args:
        name: of the metric. Default `"symmetric_mean_absolute_percentage_error"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes that differ, where a last axis of 1 may be left out but nothing else;
            outside XLA also NaN in the data. Under XLA the result is then NaN.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.SymmetricMeanAbsolutePercentageError()
        >>> metric.update_state([1.0, 0.0], [3.0, 0.0])
        >>> float(metric.result())
        0.5

    Reference:
        Makridakis, 1993, https://doi.org/10.1016/0169-2070(93)90079-3, with the factor 2 and as a
        fraction, as torchmetrics has it.
        Differs from torchmetrics in having no epsilon: 0 / 0 is 0.
    """

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        y, x, weight = value_pairs(y_true, y_pred, sample_weight, max_rank=None)
        share = ratio(2.0 * ops.abs(y - x), ops.abs(y) + ops.abs(x), 0.0)
        return example_mean(share), weight

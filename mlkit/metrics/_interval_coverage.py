"""Share of targets inside of their prediction interval."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._intervals import interval_pairs
from mlkit.metrics._sample_mean import SampleMean


@register
class IntervalCoverage(SampleMean):
    """Share of targets inside of their prediction interval (PICP).

    An interval for 90 % should have a coverage of 0.9. Both ends belong to the interval. Look at it
    together with `mlkit.metrics.IntervalWidth`: wide intervals cover everything.

    Targets have shape `(N,)` or `(N, 1)`; predictions `(N, 2)`: lower and upper end.

    Args:
        name: of the metric. Default `"interval_coverage"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes other than these; outside XLA also a lower end above its upper one, or
            NaN in the data. Under XLA the result is then NaN.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.IntervalCoverage()
        >>> metric.update_state([1.0, 2.0], [[0.0, 1.0], [3.0, 4.0]])
        >>> float(metric.result())
        0.5

    Reference:
        Khosravi et al., 2011, https://doi.org/10.1109/TNN.2011.2162110.
    """

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        y, low, high, weight = interval_pairs(y_true, y_pred, sample_weight)
        inside = ops.logical_and(y >= low, y <= high)
        return ops.cast(inside, "float64"), weight

"""Mean width of prediction intervals."""

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._intervals import interval_pairs
from mlkit.metrics._sample_mean import SampleMean


@register
class IntervalWidth(SampleMean):
    """Mean width of prediction intervals, in the unit of the targets (MPIW).

    Of two forecasters with the same coverage the one with narrow intervals knows more.

    Targets have shape `(N,)` or `(N, 1)` and are not looked at; predictions `(N, 2)`: lower and
    upper end.

    Args:
        name: of the metric. Default `"interval_width"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes other than these; outside XLA also a lower end above its upper one, or
            NaN in the data. Under XLA the result is then NaN.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.IntervalWidth()
        >>> metric.update_state([1.0, 2.0], [[0.0, 1.0], [3.0, 5.0]])
        >>> float(metric.result())
        1.5

    Reference:
        Khosravi et al., 2011, https://doi.org/10.1109/TNN.2011.2162110.
    """

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        _, low, high, weight = interval_pairs(y_true, y_pred, sample_weight)
        return high - low, weight

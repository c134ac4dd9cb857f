"""Share of targets at or below each predicted quantile."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._intervals import quantile_pairs
from mlkit.metrics._streaming import Streaming, ratio


@register
class QuantileCoverage(Streaming):
    """Share of targets at or below each predicted quantile.

    A flat dict with one share a quantile, under `"<name>_<quantile>"`: for calibrated predictions
    the share is the quantile itself. Targets have shape `(N,)` or `(N, 1)`, predictions
    `(N, quantiles)`.

    Args:
        quantiles: the quantiles that are predicted, in (0, 1), in the order of the columns.
        name: of the metric. Default `"quantile_coverage"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: no quantile, or one outside of (0, 1); shapes other than these; outside XLA also
            NaN in the data. Under XLA the result is then NaN.
        TypeError: a quantile that is not a number.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.QuantileCoverage([0.1, 0.9])
        >>> metric.update_state([1.0, 2.0], [[0.0, 3.0], [2.5, 4.0]])
        >>> {key: float(value) for key, value in metric.result().items()}
        {'quantile_coverage_0.1': 0.5, 'quantile_coverage_0.9': 1.0}

    Reference:
        Gneiting, Balabdaoui & Raftery, 2007, https://doi.org/10.1111/j.1467-9868.2007.00587.x.
    """

    def __init__(self, quantiles: Sequence[float], *, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        if not quantiles:
            raise ValueError("`quantiles` must hold at least one. Received: quantiles=[]")
        for quantile in quantiles:
            check_number("quantiles", quantile, low=0, high=1, open_low=True, open_high=True)
        self.quantiles = quantiles
        self.sums = self.add_sum("sums", (len(quantiles) + 1,))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y, x, weight = quantile_pairs(y_true, y_pred, sample_weight, len(self.quantiles))
        below = ops.sum(ops.cast(y[:, None] <= x, "float64") * weight[:, None], axis=0)
        self.sums.assign_add(ops.append(below, ops.sum(weight)))

    def result(self) -> dict[str, Tensor]:
        shares = self._cast(ratio(self.sums[:-1], self.sums[-1]))
        return {f"{self.name}_{q:g}": shares[i] for i, q in enumerate(self.quantiles)}

    def get_config(self) -> Config:
        return {**super().get_config(), "quantiles": list(self.quantiles)}

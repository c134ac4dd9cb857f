"""Weighted harmonic mean of values."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._inputs import example_weights, mask_of, spoiled
from mlkit.metrics._streaming import Streaming, ratio


@register
class HarmonicMean(Streaming):
    """Weighted harmonic mean of values.

    Σ w / Σ (w / v): the mean for speeds and rates. A value of 0 makes it 0.

    Called as `keras.metrics.Mean` is: `update_state(values, sample_weight)`.

    Args:
        name: of the metric. Default `"harmonic_mean"`.
        dtype: of the result. Default float32.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: weights of another shape than the values; outside XLA also values that are
            negative or NaN. Under XLA the result is then NaN.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.HarmonicMean()
        >>> metric.update_state([1.0, 2.0, 2.0])
        >>> round(float(metric.result()), 4)
        1.5

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        `scipy.stats.hmean`.
        Differs from TensorFlow Addons in refusing negative values, in NaN before the first value,
        and in `(N, 1)` weights.
    """

    def __init__(self, name: str = "harmonic_mean", dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.sums = self.add_sum("sums", (2,))

    def update_state(self, values: Tensor, sample_weight: Tensor | None = None) -> None:
        mask = mask_of(values)
        values = ops.convert_to_tensor(values)
        weight = example_weights(sample_weight, values, mask)
        values = ops.reshape(ops.cast(values, "float64"), (-1,))
        absent = weight == 0
        bad = ops.logical_not(ops.logical_or(values >= 0.0, absent))
        weight = spoiled(weight, bad, "`values` must be 0 or more where the weight is not 0.")
        values = ops.where(absent, ops.ones_like(values), values)
        self.sums.assign_add(ops.stack([ops.sum(weight * 1.0 / values), ops.sum(weight)]))

    def result(self) -> Tensor:
        mean = ratio(self.sums[0], self.sums[1])
        return self._cast(1.0 / mean)

"""What the metrics share that are a weighted mean of one value an example."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.metrics._streaming import Streaming, ratio


class SampleMean(Streaming):
    """Weighted mean of one value an example; NaN before the first."""

    def __init__(self, name: str | None = None, **kwargs: object) -> None:
        super().__init__(name=name, **kwargs)
        self.sums = self.add_sum("sums", (2,))

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Values and weights in float64, one an example; a weight of NaN where one is unusable."""
        raise NotImplementedError

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        values, weight = self._values(y_true, y_pred, sample_weight)
        values = ops.where(weight != 0, values * weight, ops.zeros_like(weight))
        # One variable: in a compiled loop each one is a kernel of its own.
        self.sums.assign_add(ops.stack([ops.sum(values), ops.sum(weight)]))

    def result(self) -> Tensor:
        return self._cast(ratio(self.sums[0], self.sums[1]))


def example_mean(values: Tensor) -> Tensor:
    """Mean over all axes but the first."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))

"""What the metrics share that are a weighted mean of one value an example."""

from keras import ops

from mlkit._core.types import Tensor
from mlkit.metrics._streaming import Streaming, ratio


class SampleMean(Streaming):
    """Weighted mean of one value an example; NaN before the first."""

    def __init__(self, name: str | None = None, **kwargs: object) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_sum("total")
        self.weight = self.add_sum("weight")

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Values and weights in float64, one an example, and 0 or NaN."""
        raise NotImplementedError

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        values, weight, poison = self._values(y_true, y_pred, sample_weight)
        values = ops.where(weight != 0, values * weight, ops.zeros_like(weight))
        self.total.assign_add(ops.sum(values) + poison)
        self.weight.assign_add(ops.sum(weight))

    def result(self) -> Tensor:
        return self._cast(ratio(ops.convert_to_tensor(self.total), self.weight))


def example_mean(values: Tensor) -> Tensor:
    """Mean over all axes but the first."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))

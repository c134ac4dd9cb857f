"""Share of examples with every label right."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import label_pairs
from mlkit.metrics._sample_mean import SampleMean


@register
class ExactMatch(SampleMean):
    """Share of examples with every label right (subset accuracy).

    The strictest metric of multi-label classification: one wrong label makes the example wrong.

    Args:
        threshold: a label is predicted where its score is above it; 0 for logits. Default 0.5.
        name: of the metric. Default `"exact_match"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes that differ; outside XLA also targets other than 0 and 1 or NaN in the
            predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.ExactMatch()
        >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.2], [0.6, 0.8]])
        >>> float(metric.result())
        0.5

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.accuracy_score` on label indicators.
    """

    def __init__(self, *, threshold: float = 0.5, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        check_number("threshold", threshold)
        self.threshold = threshold

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        true, score, weight = label_pairs(y_true, y_pred, sample_weight, None)
        right = (score > ops.cast(self.threshold, score.dtype)) == (true > 0.5)
        return ops.cast(ops.all(right, axis=-1), "float64"), weight

    def get_config(self) -> Config:
        return {**super().get_config(), "threshold": self.threshold}

"""Mean cosine of the angle between targets and predictions."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._sample_mean import SampleMean, example_mean
from mlkit.metrics._streaming import ratio


@register
class MeanCosineSimilarity(SampleMean):
    """Mean cosine of the angle between targets and predictions.

    <a, b> / (|a| |b|) along one axis, averaged over the others; 0 where a vector is all zero.

    Args:
        axis: axis along which the vectors lie, not the first. Default -1.
        name: of the metric. Default `"mean_cosine_similarity"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: `axis` is 0 or beyond the data; shapes that differ; outside XLA also NaN in the
            predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.MeanCosineSimilarity()
        >>> metric.update_state([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [2.0, 0.0]])
        >>> float(metric.result())
        0.5

    Reference:
        Virtanen et al., 2020, https://doi.org/10.1038/s41592-019-0686-2:
        `scipy.spatial.distance.cosine`, one minus it.
        Differs from `keras.metrics.CosineSimilarity` in keeping `axis` over saving and loading,
        and in having no epsilon under the root.
    """

    def __init__(self, *, axis: int = -1, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("axis", axis)
        if axis == 0:
            raise ValueError("`axis` must not be 0, the axis of the examples. Received: axis=0")
        self.axis = axis

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        a, b, weight = value_pairs(y_true, y_pred, sample_weight, max_rank=None)
        rank = len(a.shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                f"`axis` must be in [1, {rank}) or [{1 - rank}, 0) for data of {rank} axes. "
                f"Received: axis={self.axis}"
            )
        dot = ops.sum(a * b, axis=self.axis)
        squares = ops.sum(a * a, axis=self.axis) * ops.sum(b * b, axis=self.axis)
        cosine = ratio(dot, ops.sqrt(squares), 0.0)
        return (example_mean(cosine) if rank > 2 else cosine), weight

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}

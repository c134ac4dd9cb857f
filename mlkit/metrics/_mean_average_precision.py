"""Mean area under the precision-recall curves of several labels."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._score_store import ScoreStore, counts_above
from mlkit.metrics._streaming import ratio


def _average_precision(score: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    hits, alarms, weight = counts_above(score, positive, negative)
    return ratio(ops.sum(weight * ratio(hits, hits + alarms, 0.0)), ops.sum(weight))


@register
class MeanAveragePrecision(ScoreStore):
    """Mean area under the precision-recall curves of several labels (multi-label mAP).

    For each label Σ_k (R_k - R_{k-1}) P_k over its distinct scores, with no interpolation. A label
    without a positive example has none and is left out of the mean. Exact by default: all scores
    are kept, two numbers of float64 a label and example. With `thresholds` scores in [0, 1] are
    rounded down to that many steps instead, in room that does not grow with the examples.

    Targets are 0 or 1 and predictions scores, both of shape `(N, num_classes)`, or `(N,)` for one.

    Args:
        num_classes: number of labels, at least 1.
        average: `"macro"` (default), the mean over labels; `"weighted"`, weighted by their positive
            examples; `"micro"`, all labels in one curve; None, a dict with one entry a label,
            `"<name>_<label>"`.
        thresholds: number of steps of the scores, at least 2. Default None: exact.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 10,000.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"mean_average_precision"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also targets
            other than 0 and 1, NaN, or more examples than there is room for. Under XLA the result
            is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.MeanAveragePrecision(num_classes=2)
        >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.2], [0.3, 0.1]])
        >>> float(metric.result())
        0.75

    Reference:
        Zhu, 2004, "Recall, precision and average precision", University of Waterloo;
        `sklearn.metrics.average_precision_score`.
        Differs from it for a label without a positive example, which counts as 0 there.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        average: str | None = "macro",
        thresholds: int | None = None,
        capacity: int = 10_000,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_integer("num_classes", num_classes, low=1)
        check_choice("average", average, ("micro", "macro", "weighted", None))
        super().__init__(num_classes, thresholds, capacity, overflow, name=name, **kwargs)
        self.num_classes = num_classes
        self.average = average

    def result(self) -> Any:
        score, positive, negative = self._sides()
        if self.average == "micro":
            flat = (ops.reshape(x, (-1,)) for x in (score, positive, negative))
            return self._cast(_average_precision(*flat) + self.poison)
        values = ops.stack(
            [
                _average_precision(score[i], positive[i], negative[i])
                for i in range(self.num_classes)
            ]
        )
        if self.average is None:
            return self._per_class(values + self.poison, self.num_classes)
        share = ops.sum(positive, axis=-1)
        values = ops.where(share != 0, values, ops.zeros_like(values))
        if self.average == "macro":
            share = ops.cast(share != 0, "float64")
        return self._cast(ratio(ops.sum(values * share), ops.sum(share)) + self.poison)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "average": self.average,
        }

"""Error rate at the threshold where both kinds of error are as frequent."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._score_store import ScoreStore, counts_above
from mlkit.metrics._streaming import ratio


@register
class EqualErrorRate(ScoreStore):
    """Error rate at the threshold where both kinds of error are as frequent.

    The point of the ROC curve where the false positive rate equals the false negative rate, by a
    straight line between the two neighbouring points: the usual single number of verification
    (speakers, faces). 0 is perfect, 0.5 chance.

    Exact by default: all scores are kept. With `thresholds` scores in [0, 1] are rounded down to
    that many steps instead, in room that does not grow with the examples. Targets are 0 or 1 and
    predictions scores, both of shape `(N,)` or `(N, 1)`. NaN without a positive or a negative one.

    Args:
        thresholds: number of steps of the scores, at least 2. Default None: exact.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 65,536.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"equal_error_rate"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also targets
            other than 0 and 1, NaN, or more examples than there is room for. Under XLA the result
            is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.EqualErrorRate()
        >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
        >>> float(metric.result())
        0.5

    Reference:
        Martin et al., 1997, "The DET curve in assessment of detection task performance";
        `sklearn.metrics.roc_curve` and a root of its interpolation.
    """

    def __init__(
        self,
        *,
        thresholds: int | None = None,
        capacity: int = 65_536,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, thresholds, capacity, overflow, name=name, **kwargs)

    def result(self) -> Tensor:
        score, positive, negative = (side[0] for side in self._sides())
        hits, alarms, _ = counts_above(score, positive, negative)
        start = ops.zeros((1,), "float64")
        fpr = ops.concatenate([start, ratio(alarms, ops.sum(negative))])
        miss = 1.0 - ops.concatenate([start, ratio(hits, ops.sum(positive))])
        # The difference rises from -1 to 1: `after` is the first point at or past 0.
        gap = fpr - miss
        after = ops.maximum(ops.argmax(gap >= 0), 1)
        before = after - 1
        low, high = ops.take(gap, before), ops.take(gap, after)
        share = ratio(-low, high - low, 0.0)
        left, right = ops.take(fpr, before), ops.take(fpr, after)
        return self._cast(left + share * (right - left) + self.poison)

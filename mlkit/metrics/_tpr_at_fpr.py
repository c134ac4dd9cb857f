"""Highest true positive rate with few enough false alarms."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._score_store import ScoreStore, counts_above
from mlkit.metrics._streaming import ratio


@register
class TPRAtFPR(ScoreStore):
    """Highest true positive rate with few enough false alarms.

    The largest true positive rate (recall) over the thresholds whose false positive rate is at most
    `fpr`: the point of the ROC curve that a limit on false alarms leaves.

    Exact by default: all scores are kept. With `thresholds` scores in [0, 1] are rounded down to
    that many steps instead, in room that does not grow with the examples. Targets are 0 or 1 and
    predictions scores, both of shape `(N,)` or `(N, 1)`. NaN without a positive or a negative one.

    Args:
        fpr: largest false positive rate, in [0, 1]. Default 0.01.
        thresholds: number of steps of the scores, at least 2. Default None: exact.
        capacity: how many examples there is room for, at least 1; under a strategy an equal share a
            replica. Default 65,536.
        overflow: what happens beyond `capacity`: `"error"` (default) raises outside XLA and makes
            the result NaN inside; `"latest"` keeps the newest examples.
        name: of the metric. Default `"tpr_at_fpr"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; other shapes than these; outside XLA also targets
            other than 0 and 1, NaN, or more examples than there is room for. Under XLA the result
            is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.TPRAtFPR()
        >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
        >>> float(metric.result())
        0.5

    Reference:
        Fawcett, 2006, https://doi.org/10.1016/j.patrec.2005.10.010; `sklearn.metrics.roc_curve`.
        Differs from `keras.metrics.SensitivityAtSpecificity` in being exact unless `thresholds` is
        given.
    """

    def __init__(
        self,
        *,
        fpr: float = 0.01,
        thresholds: int | None = None,
        capacity: int = 65_536,
        overflow: str = "error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, thresholds, capacity, overflow, name=name, **kwargs)
        check_number("fpr", fpr, low=0.0, high=1.0)
        self.fpr = fpr

    def result(self) -> Tensor:
        score, positive, negative = (side[0] for side in self._sides())
        hits, alarms, _ = counts_above(score, positive, negative)
        rate = ratio(alarms, ops.sum(negative))
        found = ratio(hits, ops.sum(positive))
        allowed = ops.where(rate <= self.fpr, found, ops.zeros_like(found))
        # NaN where there is no positive or no negative example.
        known = 0.0 * (ops.sum(rate) + ops.sum(found))
        return self._cast(ops.max(allowed) + known + self.poison)

    def get_config(self) -> Config:
        return {**super().get_config(), "fpr": self.fpr}

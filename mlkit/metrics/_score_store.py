"""What the metrics of a threshold curve share: scores of both sides, kept or binned."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_integer
from mlkit._core.types import Config, Tensor
from mlkit.metrics._buffered import Buffered
from mlkit.metrics._inputs import label_pairs, spoiled


class ScoreStore(Buffered):
    """Scores of each label: all of them (exact), or a histogram over [0, 1].

    Args:
        labels: number of labels.
        thresholds: number of bins of the histogram, or None.
        capacity: how many examples are kept with `thresholds=None`.
        overflow: `"error"` or `"latest"`.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(
        self,
        labels: int,
        thresholds: int | None,
        capacity: int,
        overflow: str,
        *,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        columns = {"true": (labels,), "score": (labels,)} if thresholds is None else None
        super().__init__(columns, capacity, overflow, name=name, **kwargs)
        self._labels = labels
        self.thresholds = thresholds
        if thresholds is not None:
            check_integer("thresholds", thresholds, low=2)
            self.histogram = self.add_sum("histogram", (2, labels, thresholds))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, score, weight = label_pairs(y_true, y_pred, sample_weight, self._labels)
        if self.thresholds is None:
            self._store({"true": true, "score": score}, weight)
            return
        score = ops.cast(score, "float64")
        weight = spoiled(
            weight,
            ops.any((score < 0) | (score > 1), axis=-1),
            "`y_pred` must be probabilities in [0, 1] with `thresholds`; without, any.",
        )
        bins, labels = self.thresholds, self._labels
        index = ops.cast(ops.clip(ops.floor(score * bins), 0, bins - 1), "int32")
        side = ops.cast(true > 0.5, "int32")
        cell = (side * labels + ops.arange(labels, dtype="int32")) * bins + index
        each = ops.reshape(weight[:, None] * ops.ones((labels,), "float64"), (-1,))
        sums = ops.segment_sum(each, ops.reshape(cell, (-1,)), num_segments=2 * labels * bins)
        self.histogram.assign_add(ops.reshape(sums, (2, labels, bins)))
        self._spoil(weight)

    def _sides(self) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, weights of positives and weights of negatives, `(labels, examples)` each."""
        if self.thresholds is not None:
            score = ops.arange(self.thresholds, dtype="float64")
            score = ops.broadcast_to(score, (self._labels, self.thresholds))
            return score, self.histogram[1], self.histogram[0]
        true = ops.transpose(self._column("true"))
        weight = self._column("weight")
        return ops.transpose(self._column("score")), true * weight, (1.0 - true) * weight

    def merge_state(self, metrics: Iterable[keras.Metric]) -> None:
        """Add the scores of other metrics of the same kind to this one.

        Args:
            metrics: metrics with the same arguments.

        Raises:
            ValueError: a metric of another class, or more examples than there is room for.
        """
        base: Any = super() if self.thresholds is None else super(Buffered, self)
        base.merge_state(metrics)

    def get_config(self) -> Config:
        return {**super().get_config(), "thresholds": self.thresholds}


def counts_above(score: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, ...]:
    """True and false positives at the score of each example, the highest score first.

    Equal scores fall together, so each has the counts of the last of them. The third value is the
    weight of the positives in the same order.
    """
    present = positive + negative != 0
    key = ops.where(present, -score, ops.full_like(score, float("inf")))
    order = ops.argsort(key)
    key, ordered = ops.take(key, order), ops.take(positive, order)
    hits, alarms = ops.cumsum(ordered), ops.cumsum(ops.take(negative, order))
    last = ops.searchsorted(key, key, side="right") - 1
    return ops.take(hits, last), ops.take(alarms, last), ordered

"""What the metrics of a confusion matrix share: its counts, over all batches."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import class_pairs
from mlkit.metrics._streaming import Streaming


class ConfusionMetric(Streaming):
    """Counts of true classes (rows) against predicted ones (columns).

    Args:
        num_classes: number of classes, at least 2.
        threshold: a single score above it means class 1.
        ignore_class: true class to leave out, or None.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("num_classes", num_classes, low=2)
        check_number("threshold", threshold)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        self.num_classes = num_classes
        self.threshold = threshold
        self.ignore_class = ignore_class
        self.counts = self.add_sum("counts", (num_classes, num_classes))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, pred, weight = class_pairs(
            y_true,
            y_pred,
            sample_weight,
            self.num_classes,
            threshold=self.threshold,
            ignore_class=self.ignore_class,
        )
        self._count(true, pred, weight)

    def _count(self, true: Tensor, pred: Tensor, weight: Tensor) -> None:
        n = self.num_classes
        counts = ops.segment_sum(weight, true * n + pred, num_segments=n * n)
        self.counts.assign_add(ops.reshape(counts, (n, n)))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "threshold": self.threshold,
            "ignore_class": self.ignore_class,
        }

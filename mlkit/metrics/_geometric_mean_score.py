"""Geometric mean of the recalls of the classes that occur."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._confusion_metric import ConfusionMetric
from mlkit.metrics._streaming import ratio


@register
class GeometricMeanScore(ConfusionMetric):
    """Geometric mean of the recalls of the classes that occur.

    (recall_1 × … × recall_C)^(1 / C): 0 as soon as one class is never found. Classes without an
    example are left out.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2.
        correction: what takes the place of a recall of 0, in [0, 1). Default 0.0.
        threshold: where two classes have a single score, above it means class 1; 0 for logits.
            Default 0.5.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        name: of the metric. Default `"geometric_mean_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range or NaN in the predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.GeometricMeanScore(num_classes=2)
        >>> metric.update_state([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0])
        >>> round(float(metric.result()), 4)
        0.6124

    Reference:
        Kubat & Matwin, 1997, "Addressing the curse of imbalanced training sets";
        `imblearn.metrics.geometric_mean_score`.
        Differs from `mlkit.metrics.GeometricMean`, which is of any values.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        correction: float = 0.0,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes, threshold=threshold, ignore_class=ignore_class, name=name, **kwargs
        )
        check_number("correction", correction, low=0.0, high=1.0, open_high=True)
        self.correction = correction

    def result(self) -> Tensor:
        counts = ops.convert_to_tensor(self.counts)
        support = ops.sum(counts, axis=1)
        occurs = support != 0
        recall = ratio(ops.diagonal(counts), support, 1.0)
        recall = ops.where(recall == 0, ops.full_like(recall, float(self.correction)), recall)
        logs = ops.sum(ops.where(occurs, ops.log(recall), ops.zeros_like(recall)))
        return self._cast(ops.exp(ratio(logs, ops.sum(ops.cast(occurs, "float64")))))

    def get_config(self) -> Config:
        return {**super().get_config(), "correction": self.correction}

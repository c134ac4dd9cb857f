"""Mean recall of the classes that occur."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_bool
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._confusion_metric import ConfusionMetric
from mlkit.metrics._streaming import ratio


@register
class BalancedAccuracy(ConfusionMetric):
    """Mean recall of the classes that occur.

    Accuracy in which each class counts the same, however rare: 1 / classes for a model that always
    says the most frequent class. Classes without an example are left out.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2.
        adjusted: whether to rescale so that guessing gives 0 and perfection 1. Default False.
        threshold: where two classes have a single score, above it means class 1; 0 for logits.
            Default 0.5.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        name: of the metric. Default `"balanced_accuracy"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range or NaN in the predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.BalancedAccuracy(num_classes=2)
        >>> metric.update_state([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0])
        >>> round(float(metric.result()), 4)
        0.625

    Reference:
        Brodersen et al., 2010, https://doi.org/10.1109/ICPR.2010.764;
        `sklearn.metrics.balanced_accuracy_score`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        adjusted: bool = False,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes, threshold=threshold, ignore_class=ignore_class, name=name, **kwargs
        )
        check_bool("adjusted", adjusted)
        self.adjusted = adjusted

    def result(self) -> Tensor:
        counts = ops.convert_to_tensor(self.counts)
        support = ops.sum(counts, axis=1)
        occurring = ops.sum(ops.cast(support != 0, "float64"))
        score = ratio(ops.sum(ratio(ops.diagonal(counts), support, 0.0)), occurring)
        if self.adjusted:
            chance = 1.0 / occurring
            score = ratio(score - chance, 1.0 - chance)
        return self._cast(score)

    def get_config(self) -> Config:
        return {**super().get_config(), "adjusted": self.adjusted}

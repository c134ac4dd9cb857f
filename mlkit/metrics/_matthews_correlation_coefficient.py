"""Correlation of true and predicted classes."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._confusion_metric import ConfusionMetric
from mlkit.ops._confusion_matrix import confusion_matrix


def _coefficient(counts: Tensor) -> Tensor:
    """The coefficient of a float64 confusion matrix."""
    true, predicted = _shares(ops.sum(counts, axis=1)), _shares(ops.sum(counts, axis=0))
    agreed = ops.divide_no_nan(ops.trace(counts), ops.sum(counts))
    covariance = agreed - ops.sum(true * predicted)
    spread = ops.sum(true * (1 - true)) * ops.sum(predicted * (1 - predicted))
    return ops.divide_no_nan(covariance, ops.sqrt(spread))


def _shares(counts: Tensor) -> Tensor:
    """Parts of the whole. Of a single class it is exactly 1, so that its spread is exactly 0."""
    return ops.divide_no_nan(counts, ops.sum(counts))


def matthews_correlation_coefficient(
    y_true: Tensor,
    y_pred: Tensor,
    num_classes: int,
    sample_weight: Tensor | None = None,
    *,
    threshold: float = 0.5,
) -> Tensor:
    """Correlation of true and predicted classes, between -1 and 1.

    For two classes, with the four counts of the confusion matrix,

        (TP * TN - FP * FN) / sqrt((TP + FP) * (TP + FN) * (TN + FP) * (TN + FN))

    and for more its multiclass form. 1 is perfect, 0 no better than chance. Use it where classes
    are unbalanced: unlike accuracy it is 0 for a model that always says the frequent class.

    Args:
        y_true: integer classes of shape `[...]` or `[..., 1]`, or one-hot of `[..., classes]`.
        y_pred: scores of shape `[..., classes]`; for two classes also `[..., 1]` or `[N]`.
        num_classes: number of classes, at least 2.
        sample_weight: weight of each example, as for `mlkit.ops.confusion_matrix`. Default None.
        threshold: limit for a single score; 0 for logits. Default 0.5.

    Returns:
        Scalar in float32. 0 where only one class occurs, true or predicted; NaN with a class
        outside of [0, num_classes).

    Raises:
        ValueError: shapes that do not match, an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> y_pred = [0.1, 0.6, 0.7, 0.9]
        >>> mcc = mk.metrics.matthews_correlation_coefficient([0, 0, 1, 1], y_pred, 2)
        >>> round(float(mcc), 4)
        0.5774

    Reference:
        Matthews, 1975, https://doi.org/10.1016/0005-2795(75)90109-9; for several classes
        Gorodkin, 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006.
    """
    counts = confusion_matrix(
        y_true, y_pred, num_classes, sample_weight, threshold=threshold, dtype="float64"
    )
    return ops.cast(_coefficient(counts), "float32")


@register
class MatthewsCorrelationCoefficient(ConfusionMetric):
    """Correlation of true and predicted classes over all batches.

    See `mlkit.metrics.matthews_correlation_coefficient`. The counts are summed in float64, so that
    neither many batches nor a rare class cost digits.

    Args:
        num_classes: number of classes, at least 2.
        name: name of the metric. Default `"MatthewsCorrelationCoefficient"`.
        dtype: dtype of the result. Default None: `keras.config.floatx()`.
        threshold: limit for a single score; 0 for logits. Default 0.5.
        **kwargs: as for `keras.metrics.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range or NaN in the predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.MatthewsCorrelationCoefficient(num_classes=3)
        >>> metric.update_state([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
        >>> metric.update_state([2], [[0.2, 0.2, 0.6]])
        >>> float(metric.result())
        1.0

    Reference:
        Matthews, 1975, https://doi.org/10.1016/0005-2795(75)90109-9; for several classes
        Gorodkin, 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006.
        Differs from TensorFlow Addons in taking integer classes and single scores too.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = "MatthewsCorrelationCoefficient",
        dtype: Any = None,
        *,
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, threshold=threshold, name=name, dtype=dtype, **kwargs)

    def result(self) -> Tensor:
        return self._cast(_coefficient(ops.convert_to_tensor(self.counts)))

    def get_config(self) -> Config:
        config = super().get_config()
        del config["ignore_class"]
        return config

"""Intersection over union of each class, averaged."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._class_counts import ClassCounts


@register
class JaccardIndex(ClassCounts):
    """Intersection over union of each class, averaged.

    For each class, hits / (predicted + true - hits). A class that is neither in the labels nor in
    the predictions has no index, and is left out of the mean.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2; with `threshold` the number of labels, at
            least 1.
        average: `"macro"`, the mean over classes (default); `"weighted"`, the mean weighted by the
            true count of each class; `"micro"`, one index from the counts of all classes; None,
            a dict with one entry a class, `"<name>_<class>"`.
        threshold: None (default) for one class an example, the one with the highest score; a number
            for several labels an example, each predicted where its score is above it.
        top_k: how many classes with the highest scores count as predicted. Default None: 1.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        zero_division: value where the denominator is 0: `"nan"` (default), which leaves
            the class out of the mean, 0.0 or 1.0.
        name: of the metric. Default `"jaccard_index"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; `threshold` with `top_k` or `ignore_class`; shapes
            that do not match; outside XLA also a class out of range or NaN in the predictions.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.JaccardIndex(num_classes=3)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> round(float(metric.result()), 4)
        0.5556

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.jaccard_score`, `torchmetrics.JaccardIndex`.
        Differs from `keras.metrics.MeanIoU` in taking scores and `(N, 1)` weights, in its averages,
        and in counting beyond 16,777,216 pixels.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        average: str | None = "macro",
        threshold: float | None = None,
        top_k: int | None = None,
        ignore_class: int | None = None,
        zero_division: float | str = "nan",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes,
            average=average,
            threshold=threshold,
            top_k=top_k,
            ignore_class=ignore_class,
            zero_division=zero_division,
            name=name,
            **kwargs,
        )

    def _fraction(self) -> tuple[Tensor, Tensor]:
        hits = ops.convert_to_tensor(self.hits)
        return hits, self.predicted + self.support - hits

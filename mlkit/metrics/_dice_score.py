"""Dice coefficient of each class, averaged."""

from typing import Any

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._class_counts import ClassCounts


@register
class DiceScore(ClassCounts):
    """Dice coefficient of each class, averaged.

    For each class, 2 hits / (predicted + true), counted over all examples and pixels. A class that
    is neither in the labels nor in the predictions has none, and is left out of the mean.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2; with `threshold` the number of labels, at
            least 1.
        average: `"macro"`, the mean over classes (default); `"weighted"`, the mean weighted by the
            true count of each class; `"micro"`, one coefficient from the counts of all classes;
            None, a dict with one entry a class, `"<name>_<class>"`.
        threshold: None (default) for one class an example, the one with the highest score; a number
            for several labels an example, each predicted where its score is above it.
        top_k: how many classes with the highest scores count as predicted. Default None: 1.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        zero_division: value where the denominator is 0: `"nan"` (default), which leaves
            the class out of the mean, 0.0 or 1.0.
        name: of the metric. Default `"dice_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; `threshold` with `top_k` or `ignore_class`; shapes
            that do not match; outside XLA also a class out of range or NaN in the predictions.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.DiceScore(num_classes=3)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> round(float(metric.result()), 4)
        0.6

    Reference:
        Dice, 1945, https://doi.org/10.2307/1932409; the same number as `mlkit.metrics.FScore` with
        `beta=1`, but for classes that do not occur.
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
        return 2.0 * self.hits, self.predicted + self.support

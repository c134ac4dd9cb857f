"""Harmonic mean of precision and recall, with a weight for recall."""

from typing import Any

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._class_counts import ClassCounts


@register
class FScore(ClassCounts):
    """Harmonic mean of precision and recall, with a weight for recall.

    For each class, (1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP), averaged. `beta` says how
    many times as important recall is as precision.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2; with `threshold` the number of labels, at
            least 1.
        beta: weight of recall against precision, above 0. Default 1.0.
        average: `"macro"`, the mean over classes (default); `"weighted"`, the mean weighted by the
            true count of each class; `"micro"`, one score from the counts of all classes; None,
            a dict with one entry a class, `"<name>_<class>"`.
        threshold: None (default) for one class an example, the one with the highest score; a number
            for several labels an example, each predicted where its score is above it.
        top_k: how many classes with the highest scores count as predicted. Default None: 1.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        zero_division: value where the denominator is 0: 0.0 (default), 1.0, or
            `"nan"`, which leaves the class out of the mean.
        name: of the metric. Default `"f_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; `threshold` with `top_k` or `ignore_class`; shapes
            that do not match; outside XLA also a class out of range or NaN in the predictions.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.FScore(num_classes=3)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> round(float(metric.result()), 4)
        0.6

    Reference:
        van Rijsbergen, 1979, "Information Retrieval"; `sklearn.metrics.fbeta_score`.
        Differs from `keras.metrics.FBetaScore` in taking integer labels, integer predictions and
        `(N, 1)` weights, in averaging over classes unless told otherwise, and in having no epsilon
        in its denominators.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        beta: float = 1.0,
        average: str | None = "macro",
        threshold: float | None = None,
        top_k: int | None = None,
        ignore_class: int | None = None,
        zero_division: float | str = 0.0,
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
        check_number("beta", beta, low=0.0, open_low=True)
        self.beta = beta

    def _fraction(self) -> tuple[Tensor, Tensor]:
        square = float(self.beta) ** 2
        top = (1.0 + square) * self.hits
        return top, square * self.support + self.predicted

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.beta}

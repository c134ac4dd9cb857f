"""Share of the examples of a class that are found."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._class_counts import ClassCounts


@register
class RecallScore(ClassCounts):
    """Share of the examples of a class that are found.

    For each class, true positives / (true positives + false negatives), averaged. With `top_k` and
    `average="weighted"` it is top-k accuracy.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2; with `threshold` the number of labels, at
            least 1.
        average: `"macro"`, the mean over classes (default); `"weighted"`, the mean weighted by the
            true count of each class; `"micro"`, one recall from the counts of all classes; None,
            a dict with one entry a class, `"<name>_<class>"`.
        threshold: None (default) for one class an example, the one with the highest score; a number
            for several labels an example, each predicted where its score is above it.
        top_k: how many classes with the highest scores count as predicted. Default None: 1.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        zero_division: value where the denominator is 0: 0.0 (default), 1.0, or
            `"nan"`, which leaves the class out of the mean.
        name: of the metric. Default `"recall_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; `threshold` with `top_k` or `ignore_class`; shapes
            that do not match; outside XLA also a class out of range or NaN in the predictions.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.RecallScore(num_classes=3)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> round(float(metric.result()), 4)
        0.6667

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.recall_score`.
        Differs from it in taking scores, and in `top_k`.
    """

    def _fraction(self) -> tuple[Tensor, Tensor]:
        return ops.convert_to_tensor(self.hits), ops.convert_to_tensor(self.support)

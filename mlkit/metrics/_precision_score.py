"""Share of the predictions of a class that are right."""

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.metrics._class_counts import ClassCounts


@register
class PrecisionScore(ClassCounts):
    """Share of the predictions of a class that are right.

    For each class, true positives / (true positives + false positives), averaged. `Precision` of
    Keras is for one label; this is for several classes.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2; with `threshold` the number of labels, at
            least 1.
        average: `"macro"`, the mean over classes (default); `"weighted"`, the mean weighted by the
            true count of each class; `"micro"`, one precision from the counts of all classes; None,
            a dict with one entry a class, `"<name>_<class>"`.
        threshold: None (default) for one class an example, the one with the highest score; a number
            for several labels an example, each predicted where its score is above it.
        top_k: how many classes with the highest scores count as predicted. Default None: 1.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        zero_division: value where the denominator is 0: 0.0 (default), 1.0, or
            `"nan"`, which leaves the class out of the mean.
        name: of the metric. Default `"precision_score"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; `threshold` with `top_k` or `ignore_class`; shapes
            that do not match; outside XLA also a class out of range or NaN in the predictions.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.PrecisionScore(num_classes=3)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> round(float(metric.result()), 4)
        0.5556

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.precision_score`.
        Differs from it in taking scores, and in `top_k`, where each of the k classes counts as
        predicted, as in `keras.metrics.Precision`.
    """

    def _fraction(self) -> tuple[Tensor, Tensor]:
        return ops.convert_to_tensor(self.hits), ops.convert_to_tensor(self.predicted)

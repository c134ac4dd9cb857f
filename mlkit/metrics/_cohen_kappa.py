"""Agreement between true and predicted classes beyond chance."""

from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_bool, check_choice, check_integer
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._confusion_metric import ConfusionMetric
from mlkit.metrics._inputs import differ, value_pairs
from mlkit.metrics._streaming import ratio


@register
class CohenKappa(ConfusionMetric):
    """Agreement between true and predicted classes beyond chance.

    1 - Σ w O / Σ w E over the cells of the confusion matrix: O are the counts, E the counts to be
    expected from the two sets of class frequencies alone, and w the cost of a cell: 1 off the
    diagonal, |i - j| (`"linear"`) or (i - j)² (`"quadratic"`). Use the quadratic one for grades,
    where far off is worse. 1 is perfect, 0 is chance.

    Args:
        num_classes: number of classes, at least 2.
        name: of the metric. Default `"cohen_kappa"`.
        weightage: cost of a disagreement: None (default) for 1, `"linear"` or `"quadratic"`.
        sparse_labels: whether `y_true` are integer classes, `(N,)` or `(N, 1)`. Default False:
            one-hot rows; with two classes also 0 or 1 of shape `(N,)` or `(N, 1)`.
        regression: whether `y_pred` are real grades of shape `(N,)` or `(N, 1)`, to be rounded
            (halves to the even grade) and clipped to the classes. `y_true` are then grades too.
            Default False: scores `(N, classes)`, or one score for two classes, above 0.5 for 1.
        dtype: of the result. Default float32.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; labels of another form than `sparse_labels` says;
            outside XLA also a class out of range or NaN in the predictions. Under XLA the result is
            then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.CohenKappa(num_classes=3, sparse_labels=True)
        >>> metric.update_state([0, 1, 2, 2], [0, 1, 2, 1])
        >>> round(float(metric.result()), 4)
        0.6364

    Reference:
        Cohen, 1960, https://doi.org/10.1177/001316446002000104; weighted, Cohen, 1968,
        https://doi.org/10.1037/h0026256.
        Differs from TensorFlow Addons in its answer where only one class occurs on both sides: NaN,
        as in scikit-learn, not 1. Grades outside of the classes are clipped, not dropped.
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "cohen_kappa",
        weightage: str | None = None,
        sparse_labels: bool = False,
        regression: bool = False,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        check_integer("num_classes", num_classes, low=2)
        check_choice("weightage", weightage, (None, "linear", "quadratic"))
        check_bool("sparse_labels", sparse_labels)
        check_bool("regression", regression)
        super().__init__(num_classes, name=name, dtype=dtype, **kwargs)
        self.weightage = weightage
        self.sparse_labels = sparse_labels
        self.regression = regression

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        if self.regression:
            y_true, y_pred, weight = value_pairs(y_true, y_pred, sample_weight)
            grades = ops.clip(ops.round(y_pred), 0, self.num_classes - 1)
            # A NaN has no class: an impossible one lets the checks below speak.
            grades = ops.where(ops.isnan(grades), ops.full_like(grades, -1.0), grades)
            super().update_state(y_true, ops.cast(grades, "int32"), weight)
            return
        labels: Tensor = ops.convert_to_tensor(y_true)
        self._check_form(labels.shape)
        super().update_state(y_true, y_pred, sample_weight)

    def _check_form(self, shape: Any) -> None:
        sparse = len(shape) == 1 or not differ(shape[1:], (1,))
        if sparse != self.sparse_labels and not (sparse and self.num_classes == 2):
            form = "classes of shape (N,) or (N, 1)" if self.sparse_labels else "one-hot rows"
            raise ValueError(
                f"`y_true` must be {form} with sparse_labels={self.sparse_labels}: set "
                f"sparse_labels={not self.sparse_labels}. Received: y_true.shape={tuple(shape)}"
            )

    def result(self) -> Tensor:
        counts = ops.convert_to_tensor(self.counts)
        total = ops.sum(counts)
        expected = ratio(ops.sum(counts, axis=1)[:, None] * ops.sum(counts, axis=0), total)
        cost = ops.convert_to_tensor(self._costs())
        return self._cast(1.0 - ratio(ops.sum(cost * counts), ops.sum(cost * expected)))

    def _costs(self) -> np.ndarray:
        grade = np.arange(self.num_classes, dtype="float64")
        distance = np.abs(grade[:, None] - grade)
        power = {None: 0.0, "linear": 1.0, "quadratic": 2.0}[self.weightage]
        return np.where(distance > 0, distance**power, 0.0)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["threshold"], config["ignore_class"]
        return {
            **config,
            "weightage": self.weightage,
            "sparse_labels": self.sparse_labels,
            "regression": self.regression,
        }

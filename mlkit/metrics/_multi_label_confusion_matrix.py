"""Counts of right and wrong decisions for each label."""

from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import label_pairs
from mlkit.metrics._streaming import Streaming


@register
class MultiLabelConfusionMatrix(Streaming):
    """Counts of right and wrong decisions for each of several labels.

    `matrix` holds `[[TN, FP], [FN, TP]]` for each label. `result()` is a flat dict of the four sums
    over all labels, with the keys `<name>_tn`, `<name>_fp`, `<name>_fn` and `<name>_tp`: a tensor
    of rank 3 is not something that logs can hold.

    Args:
        num_classes: number of labels, at least 1.
        name: of the metric. Default `"Multilabel_confusion_matrix"`.
        dtype: of the result. Default float32.
        threshold: a label is predicted where its score is above it. Default 0.5.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: shapes that are not `(N, num_classes)`; outside XLA also targets other than 0
            and 1 or NaN in the predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.MultiLabelConfusionMatrix(num_classes=2)
        >>> metric.update_state([[1, 0], [0, 1]], [[1.0, 0.0], [1.0, 0.2]])
        >>> metric.matrix.tolist()
        [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]]

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.multilabel_confusion_matrix`.
        Differs from TensorFlow Addons in taking scores and weights, and in `result()`: its matrix
        is in `matrix`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "Multilabel_confusion_matrix",
        dtype: Any = None,
        *,
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        check_integer("num_classes", num_classes, low=1)
        check_number("threshold", threshold)
        self.num_classes = num_classes
        self.threshold = threshold
        self.counts = self.add_sum("counts", (num_classes, 4))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        true, score, weight = label_pairs(y_true, y_pred, sample_weight, self.num_classes)
        pred = ops.cast(score > ops.cast(self.threshold, score.dtype), "float64")
        weight = weight[:, None]
        true = ops.where(weight != 0, true, ops.zeros_like(true))
        both = ops.sum(weight * true * pred, axis=0)
        supported = ops.sum(weight * true, axis=0)
        predicted = ops.sum(weight * pred, axis=0)
        total = ops.sum(weight)
        neither = total - supported - predicted + both
        rows = ops.stack([neither, predicted - both, supported - both, both], axis=-1)
        # XLA makes a product with 0 or 1 a choice, in which the NaN of an unusable example is lost.
        self.counts.assign_add(rows + 0.0 * total)

    def result(self) -> dict[str, Tensor]:
        sums = self._cast(ops.sum(ops.convert_to_tensor(self.counts), axis=0))
        return {f"{self.name}_{key}": sums[i] for i, key in enumerate(("tn", "fp", "fn", "tp"))}

    @property
    def matrix(self) -> np.ndarray:
        """`(num_classes, 2, 2)`: `[[TN, FP], [FN, TP]]` of each label, as float64."""
        counts: Any = ops.convert_to_numpy(self.counts)
        return counts.reshape(-1, 2, 2)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "threshold": self.threshold,
        }

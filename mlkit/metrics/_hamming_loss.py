"""Share of wrong decisions."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import class_pairs, label_pairs
from mlkit.metrics._sample_mean import SampleMean


@register
class HammingLoss(SampleMean):
    """Share of wrong decisions: of classes, or of single labels.

    With `mode="multiclass"` the share of examples whose class is wrong. With `mode="multilabel"`
    the share of wrong labels among all labels of all examples, where an example with 1 wrong label
    of 10 counts a tenth; `mlkit.metrics.ExactMatch` counts it as wrong.

    Args:
        mode: `"multiclass"`: `y_true` one-hot rows or integers, `y_pred` scores `(N, classes)`;
            or `"multilabel"`: both of shape `(N, labels)`.
        name: of the metric. Default `"hamming_loss"`.
        threshold: a label is predicted where its score is above it. Default None: the class with
            the highest score with `"multiclass"`, 0.5 with `"multilabel"`.
        dtype: of the result. Default float32.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; a threshold with `"multiclass"`; shapes that do
            not match; outside XLA also impossible labels or NaN in the predictions. Under XLA the
            result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.HammingLoss("multilabel", threshold=0.6)
        >>> metric.update_state([[1, 0, 1, 0]], [[0.8, 0.7, 0.9, 0.1]])
        >>> float(metric.result())
        0.25

    Reference:
        Tsoumakas & Katakis, 2007, https://doi.org/10.4018/jdwm.2007070101;
        `sklearn.metrics.hamming_loss`.
        Differs from TensorFlow Addons in refusing a threshold with `"multiclass"`, and in 0.5 with
        `"multilabel"`, where no threshold meant one label an example.
    """

    def __init__(
        self,
        mode: str,
        name: str = "hamming_loss",
        threshold: float | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        check_choice("mode", mode, ("multiclass", "multilabel"))
        if threshold is not None:
            check_number("threshold", threshold)
            if mode == "multiclass":
                raise ValueError(
                    "`threshold` is for mode='multilabel': with 'multiclass' the highest score "
                    f"wins. Received: threshold={threshold!r}"
                )
        self.mode = mode
        self.threshold = threshold

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if self.mode == "multilabel":
            limit = 0.5 if self.threshold is None else self.threshold
            true, score, weight = label_pairs(y_true, y_pred, sample_weight, None)
            wrong = (score > ops.cast(limit, score.dtype)) != (true > 0.5)
            return ops.mean(ops.cast(wrong, "float64"), axis=-1), weight
        y_pred = ops.convert_to_tensor(y_pred)
        classes = y_pred.shape[-1] if len(y_pred.shape) > 1 else 1
        true, pred, weight = class_pairs(y_true, y_pred, sample_weight, max(classes, 2))
        return ops.cast(true != pred, "float64"), weight

    def get_config(self) -> Config:
        return {**super().get_config(), "mode": self.mode, "threshold": self.threshold}

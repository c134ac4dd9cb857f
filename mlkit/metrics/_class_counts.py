"""What precision, recall and their relatives share: three counts a class, and their averages."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import (
    class_pairs,
    class_targets,
    example_weights,
    label_pairs,
    mask_of,
    spoiled,
)
from mlkit.metrics._streaming import Streaming, ratio

AVERAGES = ("micro", "macro", "weighted", None)


class ClassCounts(Streaming):
    """A ratio of counts for each class, averaged.

    Args:
        num_classes: number of classes, or of labels with `threshold`.
        average: `"micro"`, `"macro"`, `"weighted"` or None.
        threshold: None for one class an example; a number for several labels an example.
        top_k: how many classes with the highest scores count as predicted; None for 1.
        ignore_class: true class to leave out, or None.
        zero_division: value of a class whose denominator is 0: 0.0, 1.0, or `"nan"`.
        name: of the metric.
        **kwargs: as for `keras.Metric`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        average: str | None = "macro",
        threshold: float | None = None,
        top_k: int | None = None,
        ignore_class: int | None = None,
        zero_division: float | str = 0.0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("num_classes", num_classes, low=1 if threshold is not None else 2)
        check_choice("average", average, AVERAGES)
        check_choice("zero_division", zero_division, (0.0, 1.0, "nan"))
        if threshold is not None:
            check_number("threshold", threshold)
        if top_k is not None:
            check_integer("top_k", top_k, low=1, high=num_classes)
        if ignore_class is not None:
            check_integer("ignore_class", ignore_class)
        if threshold is not None and (top_k is not None or ignore_class is not None):
            raise ValueError(
                "`top_k` and `ignore_class` need one class an example, `threshold` means several "
                f"labels: give one or the other. Received: threshold={threshold!r}, "
                f"top_k={top_k!r}, ignore_class={ignore_class!r}"
            )
        self.num_classes = num_classes
        self.average = average
        self.threshold = threshold
        self.top_k = top_k
        self.ignore_class = ignore_class
        self.zero_division = zero_division
        self.hits = self.add_sum("hits", (num_classes,))
        self.predicted = self.add_sum("predicted", (num_classes,))
        self.support = self.add_sum("support", (num_classes,))
        self.total = self.add_sum("total")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        if self.threshold is not None:
            self._update_labels(y_true, y_pred, sample_weight)
        elif self.top_k is not None:
            self._update_top_k(y_true, y_pred, sample_weight)
        else:
            n = self.num_classes
            true, pred, weight = class_pairs(
                y_true, y_pred, sample_weight, n, ignore_class=self.ignore_class
            )
            hits = ops.where(true == pred, weight, ops.zeros_like(weight))
            self._add(
                ops.segment_sum(hits, true, num_segments=n),
                ops.segment_sum(weight, pred, num_segments=n),
                ops.segment_sum(weight, true, num_segments=n),
                ops.sum(weight),
            )

    def _update_labels(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any) -> None:
        true, score, weight = label_pairs(y_true, y_pred, sample_weight, self.num_classes)
        pred = ops.cast(score > ops.cast(self.threshold, score.dtype), "float64")
        weight = weight[:, None]
        pick = ops.where(weight != 0, true, ops.zeros_like(true))
        self._add(
            ops.sum(pick * pred * weight, axis=0),
            ops.sum(pred * weight, axis=0),
            ops.sum(pick * weight, axis=0),
            ops.sum(weight),
        )

    def _update_top_k(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any) -> None:
        mask = mask_of(y_pred)
        n, y_pred = self.num_classes, ops.convert_to_tensor(y_pred)
        if len(y_pred.shape) < 2 or y_pred.shape[-1] != n:
            raise ValueError(
                f"`y_pred` must have scores of shape [..., {n}] with `top_k`. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        true = ops.reshape(class_targets(y_true, y_pred.shape[:-1], n), (-1,))
        weight = example_weights(sample_weight, y_pred[..., 0], mask)
        scores = ops.reshape(y_pred, (-1, n))
        if self.ignore_class is not None:
            weight = ops.where(true == self.ignore_class, ops.zeros_like(weight), weight)
        whole = ops.cast(ops.clip(true, 0, n - 1), "int32")
        bad = ops.logical_or(ops.cast(whole, "float64") != true, ops.any(ops.isnan(scores), -1))
        weight = spoiled(
            weight,
            bad,
            f"Classes must be whole numbers in [0, {n}), and scores must not be NaN, where the "
            "weight is not 0.",
        )
        best = ops.cast(ops.top_k(scores, self.top_k)[1], "int32")
        hit = ops.any(best == whole[:, None], axis=-1)
        each = ops.broadcast_to(weight[:, None], ops.shape(best))
        self._add(
            ops.segment_sum(ops.where(hit, weight, ops.zeros_like(weight)), whole, num_segments=n),
            ops.segment_sum(ops.reshape(each, (-1,)), ops.reshape(best, (-1,)), num_segments=n),
            ops.segment_sum(weight, whole, num_segments=n),
            ops.sum(weight),
        )

    def _add(self, hits: Tensor, predicted: Tensor, support: Tensor, total: Tensor) -> None:
        self.hits.assign_add(hits)
        self.predicted.assign_add(predicted)
        self.support.assign_add(support)
        self.total.assign_add(total)

    def _fraction(self) -> tuple[Tensor, Tensor]:
        """Numerator and denominator of each class, made so that both may be summed (micro)."""
        raise NotImplementedError

    def result(self) -> Any:
        top, bottom = self._fraction()
        total = ops.convert_to_tensor(self.total)
        # Nothing seen, or something unusable: NaN, not a number that looks like a result.
        known = ratio(total, total)
        undefined = float(self.zero_division)
        if self.average == "micro":
            return self._cast(ratio(ops.sum(top), ops.sum(bottom), undefined) * known)
        scores = ratio(top, bottom, undefined) * known
        if self.average is None:
            return self._per_class(scores, self.num_classes)
        shares = ops.ones_like(scores)
        if self.average == "weighted":
            shares = ops.convert_to_tensor(self.support)
        if self.zero_division == "nan":
            defined = bottom != 0
            shares = ops.where(defined, shares, ops.zeros_like(shares))
            scores = ops.where(defined, scores, ops.zeros_like(scores))
        mean = ratio(ops.sum(scores * shares), ops.sum(shares), undefined)
        return self._cast(mean * known)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "average": self.average,
            "threshold": self.threshold,
            "top_k": self.top_k,
            "ignore_class": self.ignore_class,
            "zero_division": self.zero_division,
        }

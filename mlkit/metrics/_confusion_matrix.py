"""Counts of true classes against predicted ones, and their accuracy."""

from typing import Any

import numpy as np
from keras import ops

from mlkit._core.checks import check_choice
from mlkit._core.optional import require
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._confusion_metric import ConfusionMetric
from mlkit.metrics._streaming import ratio


@register
class ConfusionMatrix(ConfusionMetric):
    """Counts of true classes (rows) against predicted ones, and their accuracy.

    `result()` is the share on the diagonal, a scalar that logs and TensorBoard can hold; the counts
    are in `matrix`, a picture of them in `plot()`.

    Labels may be integers of shape `(N,)` or `(N, 1)` or one-hot rows, predictions scores of shape
    `(N, classes)` or integer classes; both with more axes too, as in segmentation. Weights may be a
    number, `(N,)` or `(N, 1)`.

    Args:
        num_classes: number of classes, at least 2.
        normalize: what `matrix` is divided by: None (default) for counts, `"true"` for its rows'
            sums, `"pred"` for its columns', `"all"` for the total. Empty ones give 0.
        threshold: where two classes have a single score, above it means class 1; 0 for logits.
            Default 0.5.
        ignore_class: true class to leave out, such as -1 or 255. Default None.
        name: of the metric. Default `"confusion_matrix"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that do not match; outside XLA also a class
            out of range or NaN in the predictions. Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> metric = mk.metrics.ConfusionMatrix(num_classes=2)
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 1, 1])
        >>> metric.matrix.tolist()
        [[1.0, 1.0], [0.0, 2.0]]
        >>> float(metric.result())
        0.75

    Reference:
        Pedregosa et al., 2011, https://jmlr.org/papers/v12/pedregosa11a.html:
        `sklearn.metrics.confusion_matrix`, with the same `normalize`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        normalize: str | None = None,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes, threshold=threshold, ignore_class=ignore_class, name=name, **kwargs
        )
        check_choice("normalize", normalize, (None, "true", "pred", "all"))
        self.normalize = normalize

    def result(self) -> Tensor:
        counts = ops.convert_to_tensor(self.counts)
        return self._cast(ratio(ops.trace(counts), ops.sum(counts)))

    @property
    def matrix(self) -> np.ndarray:
        """The matrix, true classes down, as a float64 array."""
        counts: Any = ops.convert_to_numpy(self.counts)
        if self.normalize is None:
            return counts
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        total = counts.sum(axis=axis, keepdims=True)
        return np.where(total == 0, 0.0, counts / np.where(total == 0, 1.0, total))

    def plot(self, labels: list[str] | None = None, axes: Any = None) -> Any:
        """Draw `matrix`.

        Args:
            labels: names of the classes. Default: their numbers.
            axes: matplotlib axes to draw on. Default: those of a new figure.

        Returns:
            The axes.
        """
        plt = require("matplotlib.pyplot", extra="plot", purpose="ConfusionMatrix.plot")
        return draw_matrix(self.matrix, labels, axes or plt.subplots(layout="constrained")[1])

    def get_config(self) -> Config:
        return {**super().get_config(), "normalize": self.normalize}


def draw_matrix(matrix: np.ndarray, labels: list[str] | None, axes: Any) -> Any:
    """A matrix as coloured cells, each with its number."""
    image = axes.imshow(matrix, cmap="Blues", vmin=0)
    axes.figure.colorbar(image, ax=axes)
    names = labels or [str(i) for i in range(len(matrix))]
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(names)), names)
    if len(matrix) <= 25:
        half, counts = matrix.max() / 2, (matrix == matrix.round()).all()
        for (i, j), value in np.ndenumerate(matrix):
            text = f"{value:.0f}" if counts else f"{value:.2f}"
            color = "white" if value > half else "black"
            axes.text(j, i, text, ha="center", va="center", color=color)
    return axes

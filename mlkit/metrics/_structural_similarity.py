"""Mean structural similarity of images."""

from typing import Any

from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._sample_mean import SampleMean
from mlkit.ops._structural_similarity import structural_similarity


@register
class StructuralSimilarity(SampleMean):
    """Mean structural similarity of images (SSIM).

    See `mlkit.ops.structural_similarity`; the mean over images. Targets and predictions have shape
    `(N, height, width, channels)`; weights may be a number, `(N,)` or `(N, 1)`.

    Args:
        max_val: largest value that a pixel can have, above 0: 1.0 (default) or 255.
        filter_size: side of the Gaussian window in pixels, at least 1. Default 11.
        filter_sigma: standard deviation of the window in pixels, above 0. Default 1.5.
        k1: share of `max_val` that steadies the means, above 0. Default 0.01.
        k2: share of `max_val` that steadies the variances, above 0. Default 0.03.
        name: of the metric. Default `"structural_similarity"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: an argument out of its range; shapes that differ or do not have 4 axes; a window
            larger than the image; outside XLA also NaN in the images. Under XLA the result is then
            NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> metric = mk.metrics.StructuralSimilarity()
        >>> metric.update_state(np.ones((1, 16, 16, 3)), np.ones((1, 16, 16, 3)))
        >>> float(metric.result())
        1.0

    Reference:
        Wang et al., 2004, https://doi.org/10.1109/TIP.2003.819861; `tf.image.ssim`, averaged.
    """

    def __init__(
        self,
        *,
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_integer("filter_size", filter_size, low=1)
        positive = {"max_val": max_val, "filter_sigma": filter_sigma, "k1": k1, "k2": k2}
        for argument, value in positive.items():
            check_number(argument, value, low=0.0, open_low=True)
        self.max_val = max_val
        self.filter_size = filter_size
        self.filter_sigma = filter_sigma
        self.k1 = k1
        self.k2 = k2

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        a, b, weight = value_pairs(y_true, y_pred, sample_weight, max_rank=4)
        values, _ = structural_similarity(
            a,
            b,
            self.max_val,
            filter_size=self.filter_size,
            filter_sigma=self.filter_sigma,
            k1=self.k1,
            k2=self.k2,
        )
        return ops.cast(values, "float64"), weight

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "max_val": self.max_val,
            "filter_size": self.filter_size,
            "filter_sigma": self.filter_sigma,
            "k1": self.k1,
            "k2": self.k2,
        }

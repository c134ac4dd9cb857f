"""Mean peak signal-to-noise ratio of images."""

import math
from typing import Any

from keras import ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.metrics._inputs import value_pairs
from mlkit.metrics._sample_mean import SampleMean, example_mean


@register
class PeakSignalNoiseRatio(SampleMean):
    """Mean peak signal-to-noise ratio of images, in decibels.

    10 log10(max_val² / MSE) of each image, averaged over images. It is infinite as soon as one
    image is reproduced exactly.

    Targets and predictions have one shape, `(N, ...)`; weights may be a number, `(N,)` or `(N, 1)`.

    Args:
        max_val: largest value that a pixel can have, above 0: 1.0 (default) or 255.
        name: of the metric. Default `"peak_signal_noise_ratio"`.
        **kwargs: as for `keras.Metric`.

    Raises:
        ValueError: `max_val` not above 0; shapes that differ; outside XLA also NaN in the images.
            Under XLA the result is then NaN.
        TypeError: an argument of a wrong type.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> metric = mk.metrics.PeakSignalNoiseRatio()
        >>> metric.update_state(np.zeros((1, 2, 2, 3)), np.full((1, 2, 2, 3), 0.1))
        >>> round(float(metric.result()), 4)
        20.0

    Reference:
        Huynh-Thu & Ghanbari, 2008, https://doi.org/10.1049/el:20080522;
        `tf.image.psnr`, averaged.
        Differs from torchmetrics' default, which takes the error of all images together; it is the
        mean over images, as papers report it, there with `dim=(1, 2, 3)`.
    """

    def __init__(self, *, max_val: float = 1.0, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        check_number("max_val", max_val, low=0.0, open_low=True)
        self.max_val = max_val

    def _values(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        a, b, weight = value_pairs(y_true, y_pred, sample_weight, max_rank=None)
        error = example_mean(ops.square(a - b))
        decibels = 20.0 * math.log10(self.max_val) - 10.0 / math.log(10.0) * ops.log(error)
        return decibels, weight

    def get_config(self) -> Config:
        return {**super().get_config(), "max_val": self.max_val}

"""Bias of a classifier that starts from the frequencies of its classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import backend, initializers, ops

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class PriorBias(initializers.Initializer):
    """Bias for which a sigmoid output starts at a given probability.

        b = log(p / (1 - p))

    With rare positives and a bias of zero, the first epochs are spent on learning that almost
    everything is negative, with a loss that swamps the rest; the focal-loss detector does not train
    without this. Give it as `bias_initializer` of the last layer.

    Args:
        prior: probability of the positive class, a number in (0, 1); default 0.01. Or a sequence of
            them, one for each unit.

    Raises:
        ValueError: a sequence whose length is not the number of units.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> bias = mk.initializers.PriorBias(0.01)((3,))
        >>> [round(float(1 / (1 + np.exp(-b))), 4) for b in np.asarray(bias)]
        [0.01, 0.01, 0.01]

    Reference:
        Lin et al., 2017, Focal Loss for Dense Object Detection, section 3.3,
        https://arxiv.org/abs/1708.02002.
    """

    def __init__(self, prior: float | Sequence[float] = 0.01) -> None:
        for value in prior if isinstance(prior, Sequence) else [prior]:
            check_number("prior", value, low=0.0, high=1.0, open_low=True, open_high=True)
        self.prior = prior

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        prior = np.asarray(self.prior, "float64")
        if prior.ndim and (not shape or shape[-1] != len(prior)):
            raise ValueError(
                f"`prior` holds {len(prior)} probabilities, but the bias has another number of "
                f"units. Received: shape={tuple(shape)}"
            )
        bias = np.broadcast_to(np.log(prior) - np.log1p(-prior), shape)
        return ops.convert_to_tensor(bias, dtype=dtype or backend.floatx())

    def get_config(self) -> Config:
        return {"prior": self.prior}

"""Normal draws, smaller the more residual branches there are."""

import math
from typing import Any

from keras import initializers

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class ScaledResidual(initializers.Initializer):
    """Normal draws whose deviation shrinks with the depth of a residual net.

        w ~ N(0, (stddev / sqrt(branches * num_layers))²)

    Each residual branch adds its variance to the stream; with this scale on the last matrix of
    every branch, the sum over all layers is as if there were one. Use it for the output projection
    of the attention and of the feed-forward block of a transformer.

    Args:
        num_layers: number L of blocks, an integer ≥ 1.
        stddev: standard deviation of the other matrices, a number > 0; default 0.02.
        branches: residual branches in a block, an integer ≥ 1; default 2 (attention and
            feed-forward), which gives 1 / sqrt(2 L).
        seed: integer for the same draws each time, or None (default).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> draws = mk.initializers.ScaledResidual(num_layers=8, seed=0)((500, 500))
        >>> round(float(np.std(draws)), 4)
        0.005

    Reference:
        Radford et al., 2019, Language Models are Unsupervised Multitask Learners, section 2.3,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
    """

    def __init__(
        self, num_layers: int, stddev: float = 0.02, branches: int = 2, seed: int | None = None
    ) -> None:
        check_integer("num_layers", num_layers, low=1)
        check_number("stddev", stddev, low=0.0, open_low=True)
        check_integer("branches", branches, low=1)
        if seed is not None:
            check_integer("seed", seed)
        self.num_layers = num_layers
        self.stddev = stddev
        self.branches = branches
        self.seed = seed
        scale = stddev / math.sqrt(branches * num_layers)
        self._normal = initializers.RandomNormal(stddev=scale, seed=seed)

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        return self._normal(shape, dtype=dtype)

    def get_config(self) -> Config:
        return {
            "num_layers": self.num_layers,
            "stddev": self.stddev,
            "branches": self.branches,
            "seed": self.seed,
        }

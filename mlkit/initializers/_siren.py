"""Initialization of networks with sine activations."""

import math
from typing import Any

from keras import initializers

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, DType, Shape, Tensor


@register
class Siren(initializers.Initializer):
    """Uniform draws for layers that are followed by `sin(w0 * x)`.

    For networks that represent a picture, a sound or a shape as a function of its coordinates:

        w ~ U(-1/n, 1/n) in the first layer,
        w ~ U(-sqrt(6/n)/w0, sqrt(6/n)/w0) in the others,

    where n is the number of inputs of a unit (all axes but the last of the kernel). Every layer's
    output is then distributed alike, whatever the depth.

    Args:
        w0: the frequency inside the sine, a number > 0; default 30.0.
        first: whether this is the first layer, whose inputs are coordinates in [-1, 1]; default
            False.
        seed: integer for the same draws each time, or None (default).

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> draws = mk.initializers.Siren(w0=30.0, first=True, seed=0)((4, 5000))
        >>> round(float(np.abs(draws).max()), 3)
        0.25

    Reference:
        Sitzmann et al., 2020, Implicit Neural Representations with Periodic Activation Functions,
        https://arxiv.org/abs/2006.09661.
    """

    def __init__(self, w0: float = 30.0, first: bool = False, seed: int | None = None) -> None:
        check_number("w0", w0, low=0.0, open_low=True)
        check_bool("first", first)
        if seed is not None:
            check_integer("seed", seed)
        self.w0 = w0
        self.first = first
        self.seed = seed
        self._uniform = initializers.RandomUniform(-1.0, 1.0, seed=seed)

    def __call__(self, shape: Shape, dtype: DType | None = None, **kwargs: Any) -> Tensor:
        inputs = max(1, math.prod(shape[:-1]))
        bound = 1.0 / inputs if self.first else math.sqrt(6.0 / inputs) / self.w0
        return self._uniform(shape, dtype=dtype) * bound

    def get_config(self) -> Config:
        return {"w0": self.w0, "first": self.first, "seed": self.seed}

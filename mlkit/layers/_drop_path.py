"""DropPath: whole samples of a residual branch set to zero."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Shape, Tensor


@register
class DropPath(keras.layers.Layer):
    """Dropout of a whole residual branch, for each sample of the batch by itself.

    In training each sample is set to zero with probability `rate` and divided by `1 - rate`
    otherwise, so that its expectation does not change; at inference the inputs pass. Put it at the
    end of a residual branch, before the addition: `x + DropPath(0.1)(block(x))`. Deep networks
    usually raise the rate linearly from 0 in the first block to its largest value in the last.

    Masks pass unchanged.

    Args:
        rate: fraction of the samples that is dropped, in [0, 1).
        mode: `"row"` draws for each sample by itself, `"batch"` once for the whole batch (on each
            replica). Default `"row"`.
        seed: integer for random numbers that repeat, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: the output of a residual branch, of any rank ≥ 1.
        training: whether to drop. Default False.

    Input shape:
        `(batch, ...)`.

    Output shape:
        `(batch, ...)`, that of the inputs.

    Raises:
        ValueError: `rate` is not in [0, 1), or `mode` is unknown.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> y = mk.layers.DropPath(0.5, seed=1)(np.ones((100, 2, 3), "float32"), training=True)
        >>> sorted({float(v) for v in np.ravel(y)})
        [0.0, 2.0]

    Reference:
        Huang et al., 2016, "Deep Networks with Stochastic Depth", https://arxiv.org/abs/1603.09382;
        by this name and with a draw for each sample: Larsson et al., 2016, "FractalNet",
        https://arxiv.org/abs/1605.07648. Differs from the first in that the survivors are scaled
        up in training rather than all of them down at inference, as timm does;
        `mlkit.layers.StochasticDepth` scales at inference and adds the shortcut itself.
    """

    def __init__(
        self, rate: float, mode: str = "row", seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_number("rate", rate, low=0, high=1, open_high=True)
        check_choice("mode", mode, ("row", "batch"))
        self.rate = rate
        self.mode = mode
        self.seed = seed
        self.supports_masking = True
        self._seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        if not input_shape:
            raise ValueError(
                f"DropPath {self.name!r} expects inputs with a batch axis. "
                f"Received: input_shape={input_shape}"
            )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        keep = survivors(inputs, 1.0 - self.rate, self.mode, self._seed_generator)
        # Divided in float32: the factor is rounded to a lower precision only once.
        return inputs * ops.cast(keep / (1.0 - self.rate), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "mode": self.mode, "seed": self.seed}


def survivors(inputs: Tensor, probability: float, mode: str, seed: Any) -> Tensor:
    """Ones with a probability and else zeros, float32, to be broadcast over the inputs.

    Shape `(batch, 1, ...)` in mode `"row"` and `(1, 1, ...)` in mode `"batch"`.
    """
    first = ops.shape(inputs)[0] if mode == "row" else 1
    shape = (first,) + (1,) * (len(inputs.shape) - 1)
    # uniform is in [0, 1), so that probability 1 keeps all and probability 0 keeps none.
    uniform = keras.random.uniform(shape, dtype="float32", seed=seed)
    return ops.cast(uniform < probability, "float32")

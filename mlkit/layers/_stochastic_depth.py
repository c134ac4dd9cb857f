"""StochasticDepth: a residual branch that is left out at random, and its addition."""

from typing import Any

import keras
from keras import ops

from mlkit._core.checks import check_choice, check_number
from mlkit._core.registry import register
from mlkit._core.shapes import check_shapes
from mlkit._core.types import Config, Shape, Tensor
from mlkit.layers._drop_path import survivors


@register
class StochasticDepth(keras.layers.Layer):
    """Addition of a residual branch that is left out at random in training.

    In training `shortcut + b * residual` with b = 1 with probability p = `survival_probability`
    and 0 otherwise; at inference `shortcut + p * residual`, the expectation.

    The mask is that of the shortcut, or of the residual where the shortcut has none.

    Args:
        survival_probability: probability p that the residual branch is kept, in [0, 1].
            Default 0.5.
        mode: `"row"` draws b for each sample by itself, `"batch"` once for the whole batch (on
            each replica). Default `"row"`.
        seed: integer for random numbers that repeat, or None. Default None.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: list `[shortcut, residual]` of two tensors that can be added.
        training: whether to leave out at random. Default False.

    Input shape:
        `[(batch, ...), (batch, ...)]`, both of one rank.

    Output shape:
        `(batch, ...)`, that of the sum.

    Raises:
        ValueError: `survival_probability` is not in [0, 1], or `mode` is unknown; at build, the
            inputs are not a list of two tensors of one rank.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> shortcut, residual = np.ones((2, 4), "float32"), np.ones((2, 4), "float32")
        >>> y = mk.layers.StochasticDepth(survival_probability=0.8)([shortcut, residual])
        >>> round(float(y[0, 0]), 3)
        1.8

    Reference:
        Huang et al., 2016, "Deep Networks with Stochastic Depth", https://arxiv.org/abs/1603.09382.
        Differs from TensorFlow Addons, which drew once for the whole batch: that is
        `mode="batch"`. `mlkit.layers.DropPath` scales in training and leaves the addition to you.
    """

    def __init__(
        self,
        survival_probability: float = 0.5,
        mode: str = "row",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_number("survival_probability", survival_probability, low=0, high=1)
        check_choice("mode", mode, ("row", "batch"))
        self.survival_probability = survival_probability
        self.mode = mode
        self.seed = seed
        self.supports_masking = True
        self._seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        shortcut, residual = check_shapes(self, input_shape, 2)
        if len(shortcut) != len(residual) or not shortcut:
            raise ValueError(
                f"StochasticDepth {self.name!r} adds two tensors of one rank ≥ 1. "
                f"Received: input_shape={input_shape}"
            )
        self.built = True

    def call(self, inputs: list[Tensor], training: bool = False) -> Tensor:
        shortcut, residual = inputs
        if not training:
            return shortcut + ops.cast(self.survival_probability, residual.dtype) * residual
        keep = survivors(residual, self.survival_probability, self.mode, self._seed_generator)
        return shortcut + ops.cast(keep, residual.dtype) * residual

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        if mask is None:
            return None
        shortcut, residual = mask
        return residual if shortcut is None else shortcut

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shortcut, residual = check_shapes(self, input_shape, 2)
        return tuple(
            b if a == 1 or (a is None and b not in (None, 1)) else a
            for a, b in zip(shortcut, residual, strict=True)
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "survival_probability": self.survival_probability,
            "mode": self.mode,
            "seed": self.seed,
        }

"""Adam whose step is divided by how far the gradient is from what was expected."""

from typing import Any

import tensorflow as tf  # keras.ops has no squared_difference

from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers._base_rectified import BaseRectified


@register
class AdaBelief(BaseRectified):
    """Adam that takes long steps where the gradient is as expected.

    With the gradient g, the rate α = `learning_rate`, β₁ = `beta_1`, β₂ = `beta_2`,
    ε = `epsilon`, and t counted from 1:

        m = β₁ m + (1 - β₁) g                          m̂ = m / (1 - β₁ᵗ)
        s = β₂ s + (1 - β₂) (g - m)² + ε               ŝ = s / (1 - β₂ᵗ)
        w = w - α r m̂ / (√ŝ + ε)

    with the new m in s. ε stands inside s, where it adds up, and beside the root. With `rectify` r
    and the first steps are those of `RectifiedAdam`; without it r = 1.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        beta_1: decay of the first moment, in [0, 1). Default 0.9.
        beta_2: decay of the second moment, in [0, 1). Default 0.999.
        epsilon: at least 0. Default 1e-14: it stands under a root.
        weight_decay: as for `keras.optimizers.Optimizer`: `w -= learning_rate * weight_decay * w`,
            as in TensorFlow Addons too. Default None: no decay.
        rectify: whether the first steps are rectified. Default True.
        amsgrad: take the largest s so far in place of s. Default False.
        sma_threshold: as for `RectifiedAdam`, at least 4. Default 5.
        total_steps: as for `RectifiedAdam`: length of a warm-up and linear decay. Default 0: none.
        warmup_proportion: share of `total_steps` in which the rate goes up from 0, in [0, 1].
            Default 0.1.
        min_lr: rate after `total_steps`, at least 0. Default 0.
        **kwargs: as for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import keras
        >>> import mlkit as mk
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = mk.optimizers.AdaBelief(0.1, rectify=False)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, -0.25])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.889, -0.889]

    Reference:
        Zhuang et al., 2020, https://arxiv.org/abs/2010.07468. The names and defaults of the
        arguments are those of TensorFlow Addons. Repeated rows of an embedding's gradient are
        summed before they are squared.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-14,
        weight_decay: float | None = None,
        rectify: bool = True,
        amsgrad: bool = False,
        sma_threshold: float = 5.0,
        total_steps: int = 0,
        warmup_proportion: float = 0.1,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            amsgrad,
            sma_threshold,
            total_steps,
            warmup_proportion,
            min_lr,
            rectify,
            **kwargs,
        )

    def velocity_change(self, gradient: Tensor, momentum: Tensor, velocity: Tensor) -> Tensor:
        # Of the new momentum: the one before would have to be kept, which costs XLA a copy.
        surprise = tf.math.squared_difference(gradient, momentum)
        return (surprise - velocity) * (1.0 - self.beta_2) + self.epsilon

    def get_config(self) -> Config:
        return {**super().get_config(), "rectify": self.rectify}

"""Adam whose first steps are rectified."""

from typing import Any

from keras import ops

from mlkit._core.registry import register
from mlkit._core.types import Tensor
from mlkit.optimizers._base_rectified import BaseRectified


@register
class RectifiedAdam(BaseRectified):
    """Adam that knows how little its second moment is worth at the start.

    With the gradient g, the rate α = `learning_rate`, β₁ = `beta_1`, β₂ = `beta_2`,
    ε = `epsilon`, and t counted from 1:

        m = β₁ m + (1 - β₁) g                          m̂ = m / (1 - β₁ᵗ)
        v = β₂ v + (1 - β₂) g²                         v̂ = v / (1 - β₂ᵗ)
        ρ∞ = 2 / (1 - β₂) - 1                          ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)
        r = √[(ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)]

        w = w - α r m̂ / (√v̂ + ε)      ρ >= sma_threshold
        w = w - α m̂                   ρ <  sma_threshold

    ε stands beside the root of the corrected moment. ρ is the length of the average: while it is
    short (the first five steps with β₂ = 0.999) the step is that of momentum alone. Use it in
    place of Adam with a warm-up.

    Args:
        learning_rate: number of at least 0, or a schedule. Default 0.001.
        beta_1: decay of the first moment, in [0, 1). Default 0.9.
        beta_2: decay of the second moment, in [0, 1). Default 0.999.
        epsilon: at least 0. Default 1e-7.
        weight_decay: as for `keras.optimizers.Optimizer`: `w -= learning_rate * weight_decay * w`,
            as in TensorFlow Addons too. Default None: no decay.
        amsgrad: take the largest v so far in place of v. Default False.
        sma_threshold: shortest ρ at which v is used, at least 4. Default 5.
        total_steps: updates of a warm-up and linear decay of the rate; 0, the default, leaves it
            constant. With a schedule as `learning_rate` leave it at 0.
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
        >>> optimizer = mk.optimizers.RectifiedAdam(0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([0.5, -0.25])], [w])
        >>> [round(float(x), 3) for x in w.numpy()]
        [0.95, -0.975]

    Reference:
        Liu et al., 2020, https://arxiv.org/abs/1908.03265, algorithm 2. The names and defaults of
        the arguments are those of TensorFlow Addons. Differs from `torch.optim.RAdam` in
        `ρ >= 5` for its `ρ > 5`, and in ε = 1e-7 for 1e-8. Repeated rows of an embedding's gradient
        are summed before they are squared.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
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
            **kwargs,
        )

    def velocity_change(self, gradient: Tensor, momentum: Tensor, velocity: Tensor) -> Tensor:
        return (ops.square(gradient) - velocity) * (1.0 - self.beta_2)

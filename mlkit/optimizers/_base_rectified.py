"""What RectifiedAdam and AdaBelief share: the warm-up that the variance's own length gives."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from mlkit._core.checks import check_bool, check_integer, check_number
from mlkit._core.types import Config, Tensor, Variable
from mlkit.optimizers._base_optimizer import BaseOptimizer, check_betas, corrections


class BaseRectified(BaseOptimizer):
    """An Adam whose first steps are rectified; the subclass says what the second moment is of.

    Args:
        learning_rate, beta_1, beta_2, epsilon, weight_decay, amsgrad, sma_threshold, total_steps,
            warmup_proportion, min_lr: as for `RectifiedAdam`.
        rectify: whether to.
        **kwargs: as for `keras.optimizers.Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        weight_decay: float | None,
        amsgrad: bool,
        sma_threshold: float,
        total_steps: int,
        warmup_proportion: float,
        min_lr: float,
        rectify: bool = True,
        **kwargs: Any,
    ) -> None:
        check_betas(beta_1=beta_1, beta_2=beta_2)
        check_number("epsilon", epsilon, low=0)
        check_bool("amsgrad", amsgrad)
        check_number("sma_threshold", sma_threshold, low=4)
        check_integer("total_steps", total_steps, low=0)
        check_number("warmup_proportion", warmup_proportion, low=0, high=1)
        check_number("min_lr", min_lr, low=0)
        check_bool("rectify", rectify)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self.sma_threshold = sma_threshold
        self.total_steps = total_steps
        self.warmup_proportion = warmup_proportion
        self.min_lr = min_lr
        self.rectify = rectify

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        names = ["momentum", "velocity", *(["velocity_hat"] if self.amsgrad else [])]
        self._slots = self.add_optimizer_variables(variables, names)

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update: with `total_steps` that of the warm-up and decay."""
        rate = super().learning_rate
        if not self.total_steps:
            return rate
        rate, t = ops.cast(rate, "float32"), ops.cast(self.iterations + 1, "float32")
        warm = self.total_steps * self.warmup_proportion
        decay = max(self.total_steps - warm, 1)
        fallen = rate + (self.min_lr - rate) * ops.minimum(t - warm, decay) / decay
        return ops.where(t <= warm, rate * t / warm, fallen) if warm else fallen

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        BaseOptimizer.learning_rate.fset(self, learning_rate)

    def _scales(self, rate: Tensor, dtype: str) -> tuple[Tensor, Tensor, Tensor]:
        """Factors of m and of √v, and what is added to √v."""
        rate, t = ops.cast(rate, "float64"), self.count()
        c1, c2 = corrections(t, self.beta_1, self.beta_2)
        plain, root = rate / c1, ops.sqrt(c2)
        factor, of_root, added = plain * root, ops.ones_like(root), root * self.epsilon
        if self.rectify:
            longest = 2.0 / (1.0 - self.beta_2) - 1.0
            length = longest - 2.0 * t * (1.0 - c2) / c2
            used = length >= self.sma_threshold
            share = (length - 4.0) * (length - 2.0) / length
            whole = (longest - 4.0) * (longest - 2.0) / longest
            # Below the threshold the root need not exist, and is not used.
            r = ops.sqrt(ops.where(used, share / whole, 1.0))
            factor = ops.where(used, factor * r, plain)
            of_root, added = ops.where(used, of_root, 0.0), ops.where(used, added, 1.0)
        return ops.cast(factor, dtype), ops.cast(of_root, dtype), ops.cast(added, dtype)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        gradient = ops.cast(gradient, variable.dtype)
        place = self.place(variable)
        m, v = self._slots[0][place], self._slots[1][place]
        self.assign_add(m, (gradient - m) * (1.0 - self.beta_1))
        self.assign_add(v, self.velocity_change(gradient, ops.convert_to_tensor(m), v))
        if self.amsgrad:
            highest = self._slots[2][place]
            self.assign(highest, ops.maximum(highest, v))
            v = highest
        factor, of_root, added = self._scales(learning_rate, variable.dtype)
        root = ops.sqrt(v) * of_root if self.rectify else ops.sqrt(v)
        self.assign_sub(variable, m * factor / (root + added))

    def velocity_change(self, gradient: Tensor, momentum: Tensor, velocity: Tensor) -> Tensor:
        """What is added to the second moment; `momentum` is the new one."""
        raise NotImplementedError

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
            "sma_threshold": self.sma_threshold,
            "total_steps": self.total_steps,
            "warmup_proportion": self.warmup_proportion,
            "min_lr": self.min_lr,
        }

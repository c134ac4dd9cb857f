"""A linear warm-up in front of any learning rate."""

import keras
from keras import ops

from mlkit._core.checks import check_integer, check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_schedule import BaseSchedule, check_rate, loaded, rate_at


@register
class WarmupSchedule(BaseSchedule):
    """Linear warm-up, and then any schedule or a constant rate.

        rate(step) = initial + (target - initial) * step / warmup_steps    step < warmup_steps
        rate(step) = learning_rate(step - warmup_steps)                    from there on

    with `target = learning_rate(0)`, so that the rate is continuous. The schedule behind begins at
    its own step 0 when the warm-up ends: give it the steps that remain. Use it where the first
    updates from random weights at the full rate would throw the model far away: large batches,
    transformers, adaptive optimizers whose second moments are not yet estimated.

    Steps are optimizer updates. At step 0, the first update, the rate is
    `initial_learning_rate`: with the default 0 that update changes no weight (it fills the moments
    of Adam). At `warmup_steps` it is `learning_rate(0)` exactly.

    Args:
        learning_rate: rate after the warm-up: a number of at least 0, or a
            `keras.optimizers.schedules.LearningRateSchedule`.
        warmup_steps: length of the warm-up in updates, at least 0; 0 leaves it out.
        initial_learning_rate: rate at step 0, at least 0. Default 0.
        name: name of the schedule. Default `"WarmupSchedule"`.

    Raises:
        ValueError: an argument out of its range.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> decay = mk.optimizers.schedules.CosineDecay(1.0, decay_steps=90)
        >>> rate = mk.optimizers.schedules.WarmupSchedule(decay, warmup_steps=10)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 55, 100)]
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Reference:
        Goyal et al., 2017, https://arxiv.org/abs/1706.02677, section 2.2.
        Differs from `torch.optim.lr_scheduler.LinearLR` only in that the start is a rate, not a
        fraction of the rate.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        warmup_steps: int,
        initial_learning_rate: float = 0.0,
        name: str = "WarmupSchedule",
    ) -> None:
        super().__init__()
        check_rate("learning_rate", learning_rate)
        check_integer("warmup_steps", warmup_steps, low=0)
        check_number("initial_learning_rate", initial_learning_rate, low=0)
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.initial_learning_rate = initial_learning_rate
        self.name = name

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.convert_to_tensor(step)
        after = rate_at(self.learning_rate, ops.maximum(step - self.warmup_steps, 0))
        if not self.warmup_steps:
            return after
        # During the warm-up `after` is the rate at the schedule's own step 0.
        fraction = ops.cast(step, "float32") / self.warmup_steps
        ramp = self.initial_learning_rate + (after - self.initial_learning_rate) * fraction
        return ops.where(step < self.warmup_steps, ramp, after)

    def get_config(self) -> Config:
        return {
            "learning_rate": keras.saving.serialize_keras_object(self.learning_rate),
            "warmup_steps": self.warmup_steps,
            "initial_learning_rate": self.initial_learning_rate,
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> "WarmupSchedule":
        return cls(**{**config, "learning_rate": loaded(config["learning_rate"])})

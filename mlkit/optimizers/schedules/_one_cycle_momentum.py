"""The momentum of a one-cycle run."""

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_one_cycle import BaseOneCycle


@register
class OneCycleMomentum(BaseOneCycle):
    """Momentum that goes down where the rate of `OneCycle` goes up.

    From `max_momentum` down to `base_momentum`, which it reaches when the rate is highest, and back
    to `max_momentum`, where it stays. `OneCycle(...).momentum()` makes the one that fits.

    A schedule for momentum needs an optimizer that asks for it at each update:
    `mk.optimizers.SGDW(rate, momentum=...)`. Keras' optimizers take a number only.

    Args:
        total_steps: length of the cycle in updates, at least 2.
        base_momentum: momentum where the rate is highest, in [0, 1]. Default 0.85.
        max_momentum: momentum at both ends, in [0, 1]. Default 0.95.
        pct_start: share of the steps that go down, in (0, 1); with `three_phase` at most 0.5.
            Default 0.3.
        anneal_strategy: `"cos"` (the default) or `"linear"`, as for `OneCycle`.
        three_phase: as for `OneCycle`: back at `max_momentum` before the last fall of the rate.
            Default False.
        name: name of the schedule. Default `"OneCycleMomentum"`.

    Raises:
        ValueError: an argument out of its range, or a first phase of no step.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> momentum = mk.optimizers.schedules.OneCycleMomentum(10, pct_start=0.5)
        >>> [round(float(momentum(step)), 3) for step in (0, 2, 4, 9, 20)]
        [0.95, 0.9, 0.85, 0.95, 0.95]

    Reference:
        Smith and Topin, 2018, https://arxiv.org/abs/1708.07120. The knots are those of
        `torch.optim.lr_scheduler.OneCycleLR` with `cycle_momentum=True`.
    """

    def __init__(
        self,
        total_steps: int,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        three_phase: bool = False,
        name: str = "OneCycleMomentum",
    ) -> None:
        super().__init__(total_steps, pct_start, anneal_strategy, three_phase, name)
        check_number("base_momentum", base_momentum, low=0, high=1)
        check_number("max_momentum", max_momentum, low=0, high=1)
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum

    def __call__(self, step: Tensor) -> Tensor:
        low, high = self.base_momentum, self.max_momentum
        return self.between(step, high, low, high, high)

    def get_config(self) -> Config:
        return {
            "base_momentum": self.base_momentum,
            "max_momentum": self.max_momentum,
            **super().get_config(),
        }

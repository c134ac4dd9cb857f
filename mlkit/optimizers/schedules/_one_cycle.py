"""One cycle of the learning rate, and the momentum that goes against it."""

from mlkit._core.checks import check_number
from mlkit._core.registry import register
from mlkit._core.types import Config, Tensor
from mlkit.optimizers.schedules._base_one_cycle import BaseOneCycle
from mlkit.optimizers.schedules._one_cycle_momentum import OneCycleMomentum


@register
class OneCycle(BaseOneCycle):
    """Up to a high rate once, and down to nearly nothing.

    From `max_learning_rate / div_factor` the rate goes up to `max_learning_rate`, which it reaches
    at step `pct_start * total_steps - 1`, and then down to
    `max_learning_rate / div_factor / final_div_factor` at step `total_steps - 1`; there it stays.
    With `three_phase` it first goes down as it went up, and then to the last rate. Between two
    rates a and b, at a fraction f of the way:

        b + (a - b) (1 + cos(pi f)) / 2      anneal_strategy="cos"
        a + (b - a) f                        anneal_strategy="linear"

    Use it for a run whose length is known: the high rate in the middle regularises. Its momentum
    goes the other way: `one_cycle.momentum()` is the schedule for it. Keras' own optimizers have
    their momentum as a number that is written into the compiled step, so that a callback that sets
    it later changes nothing; `mk.optimizers.SGDW` takes a schedule.

    Args:
        max_learning_rate: rate at the top, at least 0.
        total_steps: length of the cycle in updates, at least 2.
        pct_start: share of the steps that go up, in (0, 1); with `three_phase` at most 0.5.
            Default 0.3.
        anneal_strategy: `"cos"` (the default) or `"linear"`.
        div_factor: first rate = `max_learning_rate / div_factor`, more than 0. Default 25.
        final_div_factor: last rate = first rate / `final_div_factor`, more than 0. Default 1e4.
        three_phase: go down to the first rate before the last fall. Default False.
        name: name of the schedule. Default `"OneCycle"`.

    Raises:
        ValueError: an argument out of its range, or a first phase of no step.
        TypeError: an argument of a wrong type.

    Example:
        >>> import mlkit as mk
        >>> rate = mk.optimizers.schedules.OneCycle(1.0, total_steps=11, pct_start=0.6,
        ...                                         anneal_strategy="linear")
        >>> [round(float(rate(step)), 3) for step in (0, 3, 10)]
        [0.04, 0.554, 0.0]
        >>> optimizer = mk.optimizers.SGD(rate)

    Reference:
        Smith and Topin, 2018, https://arxiv.org/abs/1708.07120. The knots are those of
        `torch.optim.lr_scheduler.OneCycleLR`. Differs from it in that after `total_steps` the last
        rate is kept, where that one raises.
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        name: str = "OneCycle",
    ) -> None:
        super().__init__(total_steps, pct_start, anneal_strategy, three_phase, name)
        check_number("max_learning_rate", max_learning_rate, low=0)
        check_number("div_factor", div_factor, low=0, open_low=True)
        check_number("final_div_factor", final_div_factor, low=0, open_low=True)
        self.max_learning_rate = max_learning_rate
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor

    def momentum(self, base_momentum: float = 0.85, max_momentum: float = 0.95) -> OneCycleMomentum:
        """The momentum of the same cycle: low where the rate is high.

        Args:
            base_momentum: at the top of the rate, in [0, 1]. Default 0.85.
            max_momentum: at both ends, in [0, 1]. Default 0.95.

        Returns:
            The schedule, for `mk.optimizers.SGDW(momentum=...)` or a loop of one's own.
        """
        return OneCycleMomentum(
            self.total_steps,
            base_momentum,
            max_momentum,
            self.pct_start,
            self.anneal_strategy,
            self.three_phase,
        )

    def __call__(self, step: Tensor) -> Tensor:
        first = self.max_learning_rate / self.div_factor
        last = first / self.final_div_factor
        return self.between(step, first, self.max_learning_rate, first, last)

    def get_config(self) -> Config:
        return {
            "max_learning_rate": self.max_learning_rate,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
            **super().get_config(),
        }

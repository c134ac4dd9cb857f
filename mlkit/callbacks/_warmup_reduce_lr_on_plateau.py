"""A warm-up, and then a rate that falls when nothing improves any more."""

from typing import Any

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.types import Logs
from mlkit.callbacks._claims import claim
from mlkit.callbacks._model_state import (
    lower_rates,
    optimizers_of,
    rates,
    scaled_schedules,
    scales_of,
    set_scales,
)
from mlkit.callbacks._monitor import Monitor, say
from mlkit.callbacks._update_callback import UpdateCallback
from mlkit.optimizers.schedules import ScaledSchedule


class WarmupReduceLROnPlateau(UpdateCallback):
    """Warms the rate up, and lowers it when a metric stops improving.

    Update t (from 0) of the first `warmup` has the rate `base (t + 1) / warmup`. From then on the
    rate is multiplied by `factor` after each `patience` epochs in which `monitor` was no better
    than its best by more than `min_delta`, down to `min_lr`. Epochs that end within the warm-up do
    not count, nor do the `cooldown` epochs after a reduction.

    An optimizer that follows a schedule keeps it: it is put into a
    `mk.optimizers.schedules.ScaledSchedule`, whose scale falls. Its warm-up belongs into the
    schedule (`mk.optimizers.schedules.WarmupSchedule`), so `warmup` must be 0 there. In `mk.fit` a
    warm-up makes blocks of one update while it lasts. Several optimizers keep the ratio of their
    rates.

    Args:
        monitor: metric to watch. Default `"val_loss"`.
        factor: of a reduction, in (0, 1). Default 0.1.
        patience: epochs without improvement before a reduction, ≥ 1. Default 10.
        verbose: 1 says on stdout what the rate was lowered to. Default 0.
        mode: `"min"`, `"max"`, or `"auto"`: by the name of the metric. Default `"auto"`.
        min_delta: least change that is an improvement, ≥ 0. Default 1e-4.
        cooldown: epochs after a reduction that do not count, ≥ 0. Default 0.
        min_lr: lowest rate, ≥ 0; of a schedule, the lowest scale. Default 0.
        warmup: updates of the warm-up, ≥ 0. Default 0.

    Attributes:
        reductions: how often the rate was lowered.

    Raises:
        ValueError: an argument out of its range; `monitor` is not in the logs; a `warmup` for an
            optimizer with a schedule; another callback that sets the rate.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((2,)), mk.layers.Dense(1)])
        >>> model.compile(mk.optimizers.SGD(0.5), "mse")
        >>> plateau = mk.callbacks.WarmupReduceLROnPlateau("loss", patience=2, warmup=1)
        >>> x = np.zeros((8, 2), "float32")
        >>> history = model.fit(x, x[:, :1], epochs=4, verbose=0, callbacks=[plateau])
        >>> plateau.reductions, round(float(model.optimizer.learning_rate), 3)
        (1, 0.05)

    Reference:
        `keras.callbacks.ReduceLROnPlateau`, 2017, whose names it keeps. Differs from it in the
        warm-up, in optimizers with a schedule, in what is kept over a resume, and in `cooldown`,
        which there is an epoch shorter than it says.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    claims = ("rate",)

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        warmup: int = 0,
    ) -> None:
        super().__init__()
        check_number("factor", factor, low=0, high=1, open_low=True, open_high=True)
        check_integer("patience", patience, low=1)
        check_choice("verbose", verbose, (0, 1))
        check_number("min_delta", min_delta, low=0)
        check_integer("cooldown", cooldown, low=0)
        check_number("min_lr", min_lr, low=0)
        check_integer("warmup", warmup, low=0)
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.mode, self.min_delta, self.cooldown, self.min_lr = mode, min_delta, cooldown, min_lr
        self.warmup = warmup
        self._monitor = Monitor(monitor, mode, "WarmupReduceLROnPlateau")
        self._begin()

    def _begin(self) -> None:
        self.reductions = self._wait = self._resting = 0
        self._best: float | None = None
        self._base: list[float] = []
        # Of each optimizer, its schedule with a scale, or None.
        self._schedules: list[ScaledSchedule | None] = []

    def next_update(self, update: int) -> int | None:
        """Each update of the warm-up, and then none."""
        return update + 1 if update < self.warmup else None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        claim(self)
        self._begin()
        model: Any = self.model
        # A schedule's rate is that of the moment, and nothing to begin from.
        self._base = list(rates(model).values())
        self._schedules = scaled_schedules(model)
        if self.warmup and any(self._schedules):
            raise ValueError(
                "WarmupReduceLROnPlateau: the optimizer follows a schedule, so its warm-up belongs "
                "there: mk.optimizers.schedules.WarmupSchedule(schedule, steps). "
                f"Received: warmup={self.warmup}"
            )
        self._warm(0)

    def on_update(self, update: int, logs: Logs) -> None:
        self._warm(update)

    def _warm(self, update: int) -> None:
        """The rate of the update that is next, while the warm-up lasts."""
        if not self.warmup or update > self.warmup:
            return
        share = min((update + 1) / self.warmup, 1.0)
        optimizers = optimizers_of(self.model.optimizer).values()
        for optimizer, base in zip(optimizers, self._base, strict=True):
            optimizer.learning_rate = base * share

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        value = self._monitor.value(logs or {})
        if value is None or self.update < self.warmup:
            return
        better = self._best is None or self._monitor.better(value, self._best, self.min_delta)
        self._wait = 0 if better else self._wait + 1
        if better:
            self._best = value
        if self._resting:
            self._resting, self._wait = self._resting - 1, 0
        if self._wait >= self.patience:
            self._wait, self._resting = 0, self.cooldown
            self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        told = lower_rates(self.model, self._schedules, self.factor, self.min_lr)
        if told:
            self.reductions += 1
            what = f"{self.monitor} was best at {self._best:.4g}"
            say(self, f"epoch {epoch + 1}: {what}, the rate is {', '.join(told)}.")

    def get_state(self) -> dict[str, Any]:
        own = {"reductions": self.reductions, "best": self._best, "wait": self._wait}
        scales = scales_of(self._schedules)
        own |= {"resting": self._resting, "base": self._base, "scales": scales}
        return {**super().get_state(), **own}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.reductions, self._best = state["reductions"], state["best"]
        self._wait, self._resting = state["wait"], state["resting"]
        self._base = list(state["base"])
        self._schedules = set_scales(self._schedules, state["scales"])

"""A range test of the learning rate."""

import math
from typing import Any

import keras
import numpy as np

from mlkit._core.checks import check_choice, check_integer, check_number
from mlkit._core.optional import require
from mlkit._core.types import Logs
from mlkit._state.variables import Snapshot
from mlkit.callbacks._claims import claim
from mlkit.callbacks._model_state import is_rate, metric_variables, optimizers_of, rates
from mlkit.callbacks._monitor import say
from mlkit.callbacks._update_callback import UpdateCallback


class LRFinder(UpdateCallback):
    """Finds a learning rate by raising it until the loss diverges.

    `LRFinder().find(model, x, y)` is all that is needed. The rate grows by a constant factor each
    update, from `start` to `end`; the test ends earlier when the loss diverges. Weights, seeds,
    metrics and the optimizer are afterwards what they were, to the bit: the test has its own copy
    of the optimizer, with a constant rate where the real one has a schedule, and with its slots
    where it has been trained.

    As a callback of `fit` or `mk.fit` it does the same with the data, the loss and the step of that
    call, and then stops it.

    The suggestion is where the smoothed loss falls most steeply (by the logarithm of the rate),
    after Smith, but not more than a third of the rate of the smallest loss, which is close to the
    edge of divergence.

    Args:
        start: first rate, above 0. Default 1e-6.
        end: last rate, above `start`. Default 10.
        steps: updates between the two, ≥ 10. Default 100.
        smoothing: part of the range over which the loss is averaged (the width of a Gaussian), in
            [0, 0.5). Default 0.03.
        diverged: the test ends when the loss is above where it began by so many times what it had
            fallen (or three deviations of its noise), above 0. Default 2.
        verbose: 1 prints the suggestion and its reason; 0 is silent. Default 1.

    Attributes:
        rates, losses: of each update, arrays.
        smoothed: the losses, averaged over neighbours.
        suggestion: a rate to train with; None where the loss never fell.
        reason: why this one, a sentence.

    Raises:
        ValueError: an argument out of its range; the logs hold no `loss`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        >>> model = mk.Sequential([mk.Input((4,)), mk.layers.Dense(1)])
        >>> model.compile(mk.optimizers.SGD(), "mse")
        >>> finder = mk.callbacks.LRFinder(verbose=0).find(model, x, x.sum(1, keepdims=True))
        >>> 0.001 < finder.suggestion < 1
        True

    Reference:
        Smith, 2017, https://arxiv.org/abs/1506.01186 (§3.3).
        Differs from it in a rate that grows by factors and not by sums.
    """

    # It changes what is trained: of several workers all must call it.
    on_all_workers = True

    claims = ("rate",)

    def __init__(
        self,
        start: float = 1e-6,
        end: float = 10.0,
        *,
        steps: int = 100,
        smoothing: float = 0.03,
        diverged: float = 2.0,
        verbose: int = 1,
    ) -> None:
        super().__init__()
        check_number("start", start, low=0, open_low=True)
        check_number("end", end, low=start, open_low=True)
        check_integer("steps", steps, low=10)
        check_number("smoothing", smoothing, low=0, high=0.5, open_high=True)
        check_number("diverged", diverged, low=0, open_low=True)
        check_choice("verbose", verbose, (0, 1))
        self.start, self.end, self.steps = start, end, steps
        self.smoothing, self.diverged, self.verbose = smoothing, diverged, verbose
        self._points: list[tuple[float, float]] = []
        self._running = self._over = False
        self.suggestion: float | None = None
        self.reason = "nothing was tested yet"

    @property
    def rates(self) -> np.ndarray:
        return np.array([rate for rate, _ in self._points])

    @property
    def losses(self) -> np.ndarray:
        return np.array([loss for _, loss in self._points])

    @property
    def smoothed(self) -> np.ndarray:
        return _smooth(self.losses, self.smoothing * self.steps)

    def find(
        self,
        model: keras.Model,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 32,
        sample_weight: Any = None,
        class_weight: Any = None,
    ) -> "LRFinder":
        """Run the test on a compiled model; the data as for `keras.Model.fit`.

        Arrays are put in a fixed random order first, so that the same call finds the same.
        """
        options: dict[str, Any] = {"class_weight": class_weight, "verbose": 0, "callbacks": [self]}
        options |= {"epochs": self.steps, "shuffle": False}
        if hasattr(x, "element_spec") or hasattr(x, "__next__"):
            nest: tuple[Any, ...] = (x.repeat() if hasattr(x, "repeat") else x,)
            options |= {"epochs": 1, "steps_per_epoch": self.steps}
        elif isinstance(x, keras.utils.PyDataset):
            nest = (x,)
        else:
            nest = _shuffled((x, y, sample_weight), batch_size)
            options |= {"batch_size": batch_size, "sample_weight": nest[2]}
        history, a_call = getattr(model, "history", None), model.steps_per_execution
        # Several steps a call would be several steps of one rate.
        model.steps_per_execution = 1
        model.make_train_function(force=True)
        try:
            model.fit(*nest[:2], **options)
        finally:
            model.steps_per_execution = a_call
            self._put_back()
            model.history = history
            model.stop_training = False
            model.train_function = None
        return self

    def next_update(self, update: int) -> int | None:
        """Each update, until the test is over."""
        return None if self._over else update + 1

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        claim(self)
        model: Any = self.model
        self._points, self.suggestion = [], None
        own = Snapshot([*model.variables, *metric_variables(model)])
        self._kept = (own, model.optimizer, model.train_function)
        model.optimizer = self._copy(model.optimizer)
        model.make_train_function(force=True)
        self._running, self._over = True, False
        ratios = rates(model)
        first = next(iter(ratios.values())) or 1.0
        # Several optimizers keep their rates' ratios.
        self._ratios = [rate / first for rate in ratios.values()]

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if not self._running:
            return
        self._rate = self.start * (self.end / self.start) ** (len(self._points) / (self.steps - 1))
        inner = optimizers_of(self.model.optimizer).values()
        for optimizer, ratio in zip(inner, self._ratios, strict=True):
            optimizer.learning_rate = self._rate * ratio
        # The logs hold the mean since the last reset.
        self.model.reset_metrics()

    def on_update(self, update: int, logs: Logs) -> None:
        if not self._running:
            return
        if "loss" not in logs:
            raise ValueError(f"LRFinder needs `loss` in the logs. There are: {', '.join(logs)}.")
        loss = float(logs["loss"])
        if math.isfinite(loss):
            self._points.append((self._rate, loss))
        if not math.isfinite(loss) or len(self._points) == self.steps or self._has_diverged():
            self.model.stop_training = self._over = True
            self._put_back()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._put_back()
        self.suggestion, self.reason = _suggest(self.rates, self.smoothed)
        say(self, self.reason)

    def _copy(self, optimizer: Any) -> Any:
        """An optimizer of the same kind and state whose rates are constants."""
        now = list(rates(self.model).values())
        new = type(optimizer).from_config(_without_schedules(optimizer.get_config(), now[0]))
        new.build(self.model.trainable_variables)
        if optimizer.built:
            mine = [v for v in new.variables if not is_rate(v)]
            theirs = [v for v in optimizer.variables if not is_rate(v)]
            for variable, value in zip(mine, theirs, strict=True):
                variable.assign(value)
        for inner, rate in zip(optimizers_of(new).values(), now, strict=True):
            inner.learning_rate = rate
        return new

    def _put_back(self) -> None:
        if not self._running:
            return
        self._running = False
        kept, self.model.optimizer, self.model.train_function = self._kept
        # Metrics whose variables were made by the test have nothing to be put back to.
        self.model.reset_metrics()
        kept.restore()
        del self._kept

    def _has_diverged(self) -> bool:
        losses = self.losses
        if len(losses) < 13:
            return False
        begin, curve = float(np.median(losses[:10])), _smooth(losses, self.smoothing * self.steps)
        fallen, noise = begin - curve.min(), float(np.std(losses[:10]))
        limit = begin + self.diverged * max(fallen, 3 * noise, 1e-3 * abs(begin))
        return bool(losses[-3:].mean() > limit)

    def plot(self) -> Any:
        """Draw the loss over the rate, with the suggestion.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: matplotlib is not installed.
        """
        module: Any = require("matplotlib.figure", extra="plot", purpose="LRFinder.plot")
        figure = module.Figure(figsize=(5, 3.4), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses, ".", color="0.7", markersize=3, label="loss")
        axes.plot(self.rates, self.smoothed, color="#0072B2", label="smoothed")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, color="#E69F00", linestyle="--")
            axes.set_title(f"learning rate {self.suggestion:.1e}", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss of the batch")
        axes.legend(frameon=False)
        return figure


def _shuffled(nest: tuple[Any, ...], batch_size: int) -> tuple[Any, ...]:
    """In a random order that is always the same, without a smaller last batch: it is noisier."""
    arrays = [None if part is None else keras.tree.map_structure(np.asarray, part) for part in nest]
    size = len(keras.tree.flatten(arrays[0])[0])
    whole = max(size // batch_size * batch_size, min(size, batch_size))
    order = np.random.default_rng(0).permutation(size)[:whole]
    return tuple(
        None if part is None else keras.tree.map_structure(lambda a: a[order], part)
        for part in arrays
    )


def _without_schedules(config: Any, rate: float) -> Any:
    """A configuration in which each learning rate is a number."""
    if isinstance(config, dict):
        return {
            key: rate
            if key == "learning_rate" and not isinstance(value, (int, float))
            else _without_schedules(value, rate)
            for key, value in config.items()
        }
    return config


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Gaussian averages over neighbours, with what there is of them at the ends."""
    if width <= 0 or len(values) == 0:
        return values
    reach = max(1, int(3 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    sums = np.convolve(values, kernel)[reach:-reach]
    return sums / np.convolve(np.ones(len(values)), kernel)[reach:-reach]


def _suggest(rates: np.ndarray, losses: np.ndarray) -> tuple[float | None, str]:
    if len(rates) < 10:
        return None, f"no suggestion: {len(rates)} updates are too few to judge by."
    lowest = int(np.argmin(losses))
    slopes = np.gradient(losses, np.log(rates))[: lowest + 1]
    steepest = int(np.argmin(slopes))
    if lowest == 0 or slopes[steepest] >= 0:
        return None, f"no suggestion: the loss never fell from {losses[0]:.4g}."
    limit = rates[lowest] / 3
    if rates[steepest] <= limit:
        rate, why = rates[steepest], "the loss falls most steeply there"
    else:
        rate, why = limit, "a third of the rate of the smallest loss"
    span = f"smallest loss {losses[lowest]:.4g} at {rates[lowest]:.2e}"
    return float(rate), f"suggests {rate:.2e}: {why} ({span})."

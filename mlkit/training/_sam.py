"""Sharpness-aware minimisation: the gradient at the worst point nearby."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from mlkit._core.checks import check_bool, check_number
from mlkit._core.precision import wide
from mlkit._core.types import Tensor
from mlkit.gradients._slices import global_norm, times
from mlkit.ops._slices import dense
from mlkit.training._model_step import overrides
from mlkit.training._programs import Logs
from mlkit.training._replica import replica_count, summed
from mlkit.training._replicated import seed_states
from mlkit.training._trainer import Trainer
from mlkit.training._update import Gradients, value_and_grad


class SAM(Trainer):
    """Trains for flat minima: SAM, ASAM with `adaptive=True`, GSAM with `alpha`.

    Each update takes two passes over the batch. The first gives the gradient g at the weights w,
    the second the gradient at `w + e`, which is applied to w:

    - SAM: `e = rho g / ‖g‖`, the norm over all weights;
    - ASAM: `e = rho w² g / ‖|w| g‖`, which does not depend on the scale of the layers;
    - GSAM: of the second gradient p, `p - alpha (g - (g·p / p·p) p)` is applied: the part of g that
      is at right angles to p is taken away, so that the gap between the loss at `w + e` and at w
      narrows.

    The logs, the running statistics of batch normalisation and the seeds are those of the first
    pass; the second sees the same dropout masks. `gradients=` transforms the gradients of the
    second pass. An update costs as much as two plain ones.

    Args:
        model: a Keras model that does not have a `train_step` of its own.
        rho: radius of the neighbourhood, > 0. Default 0.05; for ASAM about ten times as much.
        adaptive: whether the neighbourhood is scaled by the weights (ASAM). Default False.
        alpha: how much the gap counts (GSAM), ≥ 0. Default 0: not at all.
        **kwargs: as for `mk.Trainer`.

    Raises:
        ValueError: `rho` is not positive; `alpha` is negative; or the model has its own
            `train_step`.

    Example:
        >>> import numpy as np
        >>> import mlkit as mk
        >>> model = mk.Sequential([mk.Input((4,)), mk.layers.Dense(2)])
        >>> trainer = mk.training.SAM(model, rho=0.1, loss="mse", optimizer="sgd", seed=0)
        >>> history = trainer.fit(np.ones((10, 4)), np.ones((10, 2)), epochs=3, verbose=0)
        >>> history["loss"][-1] < history["loss"][0]
        True

    Reference:
        Foret et al., 2021, https://arxiv.org/abs/2010.01412; Kwon et al., 2021,
        https://arxiv.org/abs/2102.11600; Zhuang et al., 2022, https://arxiv.org/abs/2203.08065.
        Differs from ASAM's paper in η = 0 (`|w| + η` there), and
        from the usual implementations in the dropout masks, which they draw anew for the second
        pass: the gradients of the two passes are then those of two different functions.
    """

    def __init__(
        self,
        model: keras.Model,
        rho: float = 0.05,
        adaptive: bool = False,
        alpha: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check_number("rho", rho, low=0, open_low=True)
        check_bool("adaptive", adaptive)
        check_number("alpha", alpha, low=0)
        if overrides(model, "train_step"):
            raise ValueError(
                f"{type(model).__name__} has its own train_step, which SAM would not run. Override "
                "`Trainer.train_step` in a subclass instead."
            )
        self.rho, self.adaptive, self.alpha = rho, adaptive, alpha
        super().__init__(model, **kwargs)

    def train_step(self, batch: Any) -> Logs:
        """One update from one batch, in two passes; as for `mk.Trainer`."""
        variables = self.model.trainable_variables
        seeds = seed_states(self.model)
        before = [tf.identity(s) for s in seeds]
        here = self._gradients(self._loss, batch)
        # One direction for all replicas.
        steps = ascent(_of_all(here), variables, self.rho, self.adaptive)
        after = [tf.identity(s) for s in seeds]
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)
        gradients = self._gradients(self._elsewhere(variables, steps, seeds), batch)
        for seed, value in zip(seeds, after, strict=True):
            seed.assign(value)
        if self.alpha:
            share = along(_of_all(here), _of_all(gradients))
            gradients = [
                None
                if g is None or p is None
                else p - self.alpha * (g - tf.cast(share, p.dtype) * p)
                for g, p in zip(_dense(here), _dense(gradients), strict=True)
            ]
        self.apply_gradients(gradients, variables)
        return {}

    def _loss(self, part: Any) -> Tensor:
        return self._engine.model_step.loss(part, training=True)

    def _gradients(self, loss_fn: Callable[[Any], Tensor], batch: Any) -> Gradients:
        return value_and_grad(
            loss_fn,
            self.model.trainable_variables,
            batch,
            accumulate=self.accumulate,
            optimizer=self.optimizer,
            share=self.share,
        )[1]

    def _elsewhere(
        self, variables: list[Any], steps: list[Any], seeds: list[Any]
    ) -> Callable[[Any], Tensor]:
        """The loss at the weights plus the steps; of all that a pass changes only seeds are."""

        def loss(part: Any) -> Tensor:
            # Read under the tape: the gradient with respect to w + e is that with respect to w.
            moved = [
                (v, v.value + e) for v, e in zip(variables, steps, strict=True) if e is not None
            ]
            with keras.StatelessScope(state_mapping=moved, collect_losses=True) as scope:
                value = self._loss(part)
            for seed in seeds:
                # With several parts each goes on from the one before, as in the first pass.
                new = scope.get_current_value(seed)
                if new is not None:
                    seed.assign(new)
            return value

        return loss


def _of_all(gradients: Gradients) -> Gradients:
    """The gradients of all replicas."""
    return summed(gradients) if replica_count() > 1 else gradients


def _dense(gradients: Gradients) -> list[Tensor | None]:
    return [None if g is None else dense(g) for g in gradients]


def along(gradients: Gradients, others: Gradients) -> Tensor:
    """How many times the others are in the gradients: `g·p / p·p`, over all variables."""
    pairs = [
        (wide(g), wide(p))
        for g, p in zip(_dense(gradients), _dense(others), strict=True)
        if g is not None and p is not None
    ]
    product = tf.add_n([tf.reduce_sum(g * p) for g, p in pairs])
    return tf.math.divide_no_nan(product, tf.add_n([tf.reduce_sum(p * p) for _, p in pairs]))


def ascent(
    gradients: Gradients, variables: list[Any], rho: float, adaptive: bool
) -> list[Tensor | None]:
    """The step to the worst point nearby, for each variable; None where there is no gradient.

    It does not depend on the scale of the gradients, and so not on that of the loss in float16.
    """
    directions = _dense(gradients)
    if adaptive:
        directions = [
            None if g is None else tf.cast(wide(g) * tf.abs(wide(v)), g.dtype)
            for g, v in zip(directions, variables, strict=True)
        ]
    norm = global_norm(directions)
    steps = [times(d, rho / (norm + 1e-12)) for d in directions]
    if adaptive:
        steps = [
            None if e is None else tf.cast(wide(e) * tf.abs(wide(v)), e.dtype)
            for e, v in zip(steps, variables, strict=True)
        ]
    return steps

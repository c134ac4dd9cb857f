"""Rules for optimizers: it goes downhill, by the formula that it names."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mlkit.testing._check import check
from mlkit.testing._compare import apart, array, must_agree, worlds
from mlkit.testing._optimizer_data import (
    descend,
    gradients,
    make,
    start,
    trajectory,
    variables,
)
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import OptimizerSpec

_CURVATURE = np.linspace(0.5, 2.0, 12, dtype=np.float32).reshape(4, 3)
_TARGET = np.linspace(-1.0, 1.0, 12, dtype=np.float32).reshape(4, 3)


def _bowl(weight: Any) -> Any:
    return ops.sum(_CURVATURE * ops.square(weight - _TARGET))


def _valley(weight: Any) -> Any:
    x, y = weight[0], weight[1]
    return ops.square(1.0 - x) + 100.0 * ops.square(y - ops.square(x))


def _falling(rate: float, steps: int) -> Any:
    return keras.optimizers.schedules.CosineDecay(rate, steps)


@check("optimizer")
def parabola(spec: OptimizerSpec) -> None:
    """It reaches the minimum of a parabola, at a rate that falls to zero."""
    first = _TARGET + np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    optimizer = make(spec, _falling(spec.learning_rate, spec.steps))
    left = descend(optimizer, _bowl, first, spec.steps) / float(array(_bowl(first)))
    if not left < 1e-3:
        raise CheckFailed(
            f"after {spec.steps} updates from a rate of {spec.learning_rate} down, {left:.3g} of "
            "the height is left",
            why="What cannot find the bottom of a bowl trains nothing.",
            mend="Look at the sign, the bias correction, and where epsilon stands; or give "
            "`learning_rate` and `steps` that suit it.",
        )


@check("optimizer")
def rosenbrock(spec: OptimizerSpec) -> None:
    """It follows Rosenbrock's curved valley, at its rate, a tenth, a hundredth or ten times it."""
    tried = {}
    for rate in (spec.learning_rate * factor for factor in (1.0, 0.1, 0.01, 10.0)):
        optimizer = make(spec, _falling(rate, spec.steps))
        tried[rate] = descend(optimizer, _valley, [-1.2, 1.0], spec.steps)
        # 24.2 at the start; 4 on the floor of the valley beside it, where the gradient turns.
        if tried[rate] < 1.5:
            return
    told = ", ".join(f"{height:.3g} at rate {rate:.3g}" for rate, height in tried.items())
    raise CheckFailed(
        f"after {spec.steps} updates the height is {told}; 24.2 at the start, 0 at the minimum",
        why="Losses of networks are such valleys: steep across, flat along.",
        mend="Compare with `reference` step by step; or give `learning_rate` and `steps` that "
        "suit it.",
    )


@check("optimizer")
def reference(spec: OptimizerSpec) -> None:
    """Twenty steps are those of an independent witness in float64."""
    if spec.reference is None:
        raise NotApplicable("no `reference` was given")
    witness = spec.reference(**spec.kwargs)
    optimizer, weights = spec.make(), variables(start())
    optimizer.build(weights)
    theirs = [w.astype(np.float64) for w in start()]
    for step in range(20):
        given = gradients(step)
        optimizer.apply([ops.convert_to_tensor(g) for g in given], weights)
        theirs = witness.step(theirs, [g.astype(np.float64) for g in given])
        for i, (ours, due) in enumerate(zip(weights, theirs, strict=True)):
            found = apart(ours, due, 1e-5)
            if found:
                raise CheckFailed(
                    f"they part at step {step} (from 0), weight {i} of shape {due.shape}: {found}",
                    why="It is another optimizer than the one that it is named after.",
                    mend="Parting at step 0: sign, rate, epsilon, decay. At step 1: the moments or "
                    "their correction. Later: a period, a threshold, the count of steps.",
                )


def _applying(optimizer: Any, weights: list[Any]) -> Any:
    def apply(*given: Any) -> None:
        optimizer.apply(list(given), weights)

    return apply


@check("optimizer")
def compiled(spec: OptimizerSpec) -> None:
    """In a tf.function and under XLA it steps as in eager mode."""
    want = trajectory(make(spec), 5)[-1]
    for name, way in worlds().items():
        optimizer, weights = make(spec), variables(start())
        optimizer.build(weights)
        run = way(_applying(optimizer, weights))
        for step in range(5):
            run(*map(ops.convert_to_tensor, gradients(step)))
        for i, (got, due) in enumerate(zip(weights, want, strict=True)):
            must_agree(
                got,
                due,
                1e-5,
                f"weight {i} after 5 steps under {name}",
                why="`fit` compiles the step: what is trained there is not what was tried by hand.",
                mend="Keep counters and moments in variables made in `build` with "
                "add_variable_from_reference; no Python numbers that change, no `if` on tensors.",
            )

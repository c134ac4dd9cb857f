"""Rules for optimizers: schedules, saving and restoring, replicas."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlkit.testing._check import check
from mlkit.testing._compare import apart, array, must_agree
from mlkit.testing._layer_replicas import strategy
from mlkit.testing._optimizer_data import gradients, make, start, trajectory, variables
from mlkit.testing._report import CheckFailed
from mlkit.testing._spec import OptimizerSpec

_STATE = (
    "Make every moment, counter and copy of weights a variable in `build`, by "
    "add_variable_from_reference or add_variable, in the optimizer itself."
)


@check("optimizer")
def schedule(spec: OptimizerSpec) -> None:
    """A schedule is taken for the learning rate, and followed from step to step."""
    rate = spec.learning_rate
    falls = keras.optimizers.schedules.PiecewiseConstantDecay([2], [rate, rate / 10])
    changing, constant = trajectory(make(spec, falls), 5), trajectory(make(spec), 5)
    told = {
        "why": "A warm-up or decay that is ignored is not noticed until the end of the run.",
        "mend": "Use the `learning_rate` that `update_step` is given, not one of `__init__`.",
    }
    for step in range(3):
        for got, due in zip(changing[step], constant[step], strict=True):
            must_agree(got, due, 1e-6, f"step {step}, where the schedule is still constant", **told)
    last = [c[3] for c in (changing, constant)]
    if not any(apart(got, due, 1e-6) for got, due in zip(*last, strict=True)):
        raise CheckFailed("step 3 at a tenth of the rate is the step at the full rate", **told)


def _model() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def _train(model: keras.Model, steps: range) -> keras.Model:
    for step in steps:
        rng = np.random.default_rng(step)
        model.train_on_batch(
            rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")
        )
    return model


@check("optimizer")
def restore(spec: OptimizerSpec) -> None:
    """Saved, loaded and continued, a model ends in the same bits as without interruption."""
    model = _model()
    model.compile(make(spec), "mse")
    _train(model, range(7))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded: Any = keras.saving.load_model(path, custom_objects={spec.cls.__name__: spec.cls})
    _train(model, range(7, 14))
    _train(loaded, range(7, 14))
    _same_bits(loaded.get_weights(), model.get_weights(), "after `.keras`, 7 steps of 14")


@check("optimizer")
def state(spec: OptimizerSpec) -> None:
    """All that it knows is in its `variables`: copied, they continue in the same bits."""
    old, new = make(spec), make(spec)
    first, second = variables(start()), variables(start())
    old.build(first)
    new.build(second)
    _apply(old, first, range(7))
    if [v.shape for v in old.variables] != [v.shape for v in new.variables]:
        raise CheckFailed(
            f"{len(old.variables)} variables after 7 steps, {len(new.variables)} after `build`",
            why="A checkpoint cannot be read into a new optimizer.",
            mend=_STATE,
        )
    for target, source in zip([*new.variables, *second], [*old.variables, *first], strict=True):
        target.assign(source)
    _apply(old, first, range(7, 14))
    _apply(new, second, range(7, 14))
    _same_bits(map(array, second), map(array, first), "with all variables copied at step 7 of 14")


def _apply(optimizer: Any, weights: list[Any], steps: range) -> None:
    for step in steps:
        optimizer.apply([tf.convert_to_tensor(g) for g in gradients(step)], weights)


def _same_bits(got: Any, want: Any, how: str) -> None:
    for i, (one, other) in enumerate(zip(got, want, strict=True)):
        must_agree(
            one,
            other,
            0.0,
            f"weight {i}, {how}",
            why="A run that was interrupted ends in another model than one that was not.",
            mend=_STATE,
        )


@check("optimizer")
def replicas(spec: OptimizerSpec) -> None:
    """On two replicas it steps by the sum of their gradients, and both hold the same weights."""
    mirrored = strategy()
    with mirrored.scope():
        optimizer, weights = make(spec), variables(start())
        optimizer.build(weights)
    shares = (0.25, 0.75)

    def step(*given: Any) -> None:
        optimizer.apply(list(given), weights)

    run = tf.function(lambda both: mirrored.run(step, args=both))
    for number in range(5):
        found = gradients(number)
        run(
            mirrored.experimental_distribute_values_from_function(
                lambda context, found=found: tuple(
                    tf.constant(g * np.float32(shares[context.replica_id_in_sync_group]))
                    for g in found
                )
            )
        )
    want = trajectory(make(spec), 5)[-1]
    for i, (weight, due) in enumerate(zip(weights, want, strict=True)):
        for copy in mirrored.experimental_local_results(weight.value):
            must_agree(
                copy,
                due,
                1e-5,
                f"weight {i} after 5 steps of two replicas",
                why="What is learned depends on the number of devices.",
                mend="Change what an update is in `update_step`, which Keras calls after it has "
                "summed the gradients; not in `apply`.",
            )

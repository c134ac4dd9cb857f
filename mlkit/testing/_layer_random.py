"""Rules for random numbers: none at inference, and repeatable ones in training."""

from typing import Any

import keras

from mlkit.testing._check import check
from mlkit.testing._layer_data import call
from mlkit.testing._layer_live import live, restored
from mlkit.testing._report import CheckFailed, NotApplicable
from mlkit.testing._spec import LayerSpec
from mlkit.testing._values import difference

# A layer that drops a whole batch at a rate of 0.5 does the same 16 times once in 32768.
_CALLS = 16


@check("layer")
def deterministic(spec: LayerSpec) -> None:
    """With `training=False` the same input gives the same output."""
    it = live(spec)
    for _ in range(3):
        found = difference(call(spec, it.layer, it.data, training=False), it.output, 0.0)
        if found:
            raise CheckFailed(
                f"a second call with training=False gives {found}",
                why="Predictions and validation scores change from call to call.",
                mend="Draw random numbers, and update statistics, only `if training:`.",
            )


@check("layer")
def undeclared_randomness(spec: LayerSpec) -> None:
    """A layer that is not said to be stochastic draws nothing with `training=True`."""
    if spec.stochastic:
        raise NotApplicable("stochastic=True")
    it = live(spec)
    outputs = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        with restored(it.layer):
            if outputs:  # move the layer's own generators on: the weights stay
                with _only_seeds_move(it.layer):
                    call(spec, it.layer, it.data, training=True)
            outputs.append(call(spec, it.layer, it.data, training=True))
    found = difference(outputs[1], outputs[0], 1e-6)
    if found:
        raise CheckFailed(
            f"from the same weights a second call with training=True gives {found}",
            why="The layer draws random numbers that its spec does not tell of, so that nothing "
            "checks whether they can be repeated.",
            mend="Say stochastic=True.",
        )


def _only_seeds_move(layer: Any) -> Any:
    class Weights:
        variables = layer.weights

    return restored(Weights)


@check("layer")
def stochastic(spec: LayerSpec) -> None:
    """Random numbers change from call to call, repeat under a seed, and belong to the state."""
    if not spec.stochastic:
        raise NotApplicable("stochastic=False")
    it = live(spec)
    with restored(it.layer):
        first = [call(spec, it.layer, it.data, training=True) for _ in range(_CALLS)]
    if all(difference(y, it.output, 0.0) is None for y in first):
        raise CheckFailed(
            f"{_CALLS} calls with training=True give what training=False gives.",
            why="The layer does nothing in training.",
            mend="Have `training` in the signature of `call`, and give the spec a rate well "
            "inside its range.",
        )
    if all(difference(y, first[0], 0.0) is None for y in first[1:]):
        raise CheckFailed(
            f"{_CALLS} calls with training=True give the same output.",
            why="The same random numbers in every step are no noise but a fixed distortion.",
            mend="Hold one keras.random.SeedGenerator, made in `__init__`, and pass that as "
            "`seed` in `call`; an integer there gives the same numbers each time.",
        )
    _must_repeat(spec, it, first)


def _must_repeat(spec: LayerSpec, it: Any, first: list[Any]) -> None:
    with restored(it.layer):
        again = [call(spec, it.layer, it.data, training=True) for _ in range(_CALLS)]
    if any(difference(b, a, 0.0) for a, b in zip(first, again, strict=True)):
        raise CheckFailed(
            "with all its variables put back, the layer draws other numbers.",
            why="An interrupted run that goes on from a checkpoint does not get the same result.",
            mend="self.seed_generator = keras.random.SeedGenerator(seed) in `__init__`: its state "
            "is then among the layer's variables. Neither keras.random with seed=None, nor "
            "tf.random, nor numpy.",
        )
    made = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        layer = spec.make()
        made.append([call(spec, layer, it.data, training=True) for _ in range(3)])
    if any(difference(b, a, 0.0) for a, b in zip(*made, strict=True)):
        raise CheckFailed(
            "after keras.utils.set_random_seed two layers made alike draw other numbers.",
            why="No experiment with this layer can be repeated.",
            mend="Draw from a keras.random.SeedGenerator(seed), which asks Keras for its seed "
            "where `seed` is None.",
        )

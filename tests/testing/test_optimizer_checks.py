"""Each check of optimizers fails on an optimizer that breaks its rule, and only on such."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mlkit.testing import OptimizerSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run


@keras.saving.register_keras_serializable("optimizer_checks")
class Sound(keras.optimizers.Optimizer):
    """RMSprop without epsilon's second place.

    Args:
        learning_rate: rate.
        rho: decay of the mean square.
    """

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self._squares = [self.add_variable_from_reference(v, "square") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.convert_to_tensor(gradient)  # rows of IndexedSlices are summed
        square = self._squares[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(square, self.rho * square + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(square) + 1e-7))

    def get_config(self):
        return {**super().get_config(), "rho": self.rho}


class Witness:
    """The same in float64."""

    def __init__(self, learning_rate, rho):
        self.rate, self.rho, self.squares = learning_rate, rho, None

    def step(self, weights, gradients):
        old = self.squares or [0.0 * w for w in weights]
        pairs = zip(old, gradients, strict=True)
        self.squares = [self.rho * s + (1 - self.rho) * g**2 for s, g in pairs]
        parts = zip(weights, gradients, self.squares, strict=True)
        return [w - self.rate * g / (np.sqrt(s) + 1e-7) for w, g, s in parts]


def spec(cls=Sound, **fields):
    given = {"kwargs": {"learning_rate": 0.05, "rho": 0.8}, "reference": Witness}
    return OptimizerSpec(cls, **{**given, **fields})


def variant(base=Sound, **methods):
    return type("Faulty", (base,), {"__doc__": "Faulty. learning_rate rho", **methods})


def uphill(self, gradient, variable, learning_rate):
    Sound.update_step(self, -gradient, variable, learning_rate)


def crawl(self, gradient, variable, learning_rate):
    Sound.update_step(self, gradient, variable, learning_rate * 1e-4)


def only_eager(self, gradient, variable, learning_rate):
    factor = 1.0 if tf.executing_eagerly() else 0.5
    Sound.update_step(self, gradient, variable, learning_rate * factor)


def old_rate(self, gradient, variable, learning_rate):
    Sound.update_step(self, gradient, variable, 0.05)


def stateful(self, gradient, variable, learning_rate):
    self.calls = getattr(self, "calls", 0) + 1
    Sound.update_step(self, gradient, variable, learning_rate / self.calls)


def only_values(self, gradient, variable, learning_rate):
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.IndexedSlices(gradient.values + 1, gradient.indices, gradient.dense_shape)
    Sound.update_step(self, gradient, variable, learning_rate)


def forgetful(name):
    """An optimizer that takes a base argument and does not hand it on."""

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        Sound.__init__(self, learning_rate, rho, **{k: v for k, v in kwargs.items() if k != name})

    return variant(__init__=__init__)


def fills_in(self, gradients, trainable_variables=None):
    filled = [
        ops.ones_like(v) if g is None else g
        for g, v in zip(gradients, trainable_variables, strict=True)
    ]
    return Sound.apply(self, filled, trainable_variables)


def scales_in_apply(self, gradients, trainable_variables=None):
    norm = ops.sqrt(sum(ops.sum(ops.square(ops.convert_to_tensor(g))) for g in gradients))
    return Sound.apply(self, [g / norm for g in gradients], trainable_variables)


def hides_infinity(self, gradients, trainable_variables=None):
    return Sound.apply(self, [ops.clip(g, -1e30, 1e30) for g in gradients], trainable_variables)


def other_names(self, gradients, weights):
    return Sound.apply(self, gradients, weights)


def nothing(self, store):
    """Neither writes nor reads the state."""


FAULTS = {
    "parabola": spec(variant(update_step=uphill)),
    "rosenbrock": spec(variant(update_step=crawl)),
    "reference": spec(reference=lambda **kwargs: Witness(kwargs["learning_rate"], 0.81)),
    "compiled": spec(variant(update_step=only_eager)),
    "schedule": spec(variant(update_step=old_rate)),
    "restore": spec(variant(save_own_variables=nothing, load_own_variables=nothing)),
    "state": spec(variant(update_step=stateful)),
    "replicas": spec(variant(apply=scales_in_apply)),
    "clipping": spec(forgetful("clipnorm")),
    "weight_decay": spec(forgetful("weight_decay")),
    "ema": spec(forgetful("ema_momentum")),
    "loss_scale": spec(variant(apply=other_names)),
    "accumulation": spec(forgetful("gradient_accumulation_steps")),
    "sparse": spec(variant(update_step=only_values)),
    "sparse_repeated": OptimizerSpec(keras.optimizers.Adam, {"learning_rate": 0.05}),
    "none_gradients": spec(variant(apply=fills_in)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    (check,) = (c for c in checks("optimizer") if c.name == name)
    result = check(FAULTS[name])
    assert result.status == "failed", result
    assert name == "loss_scale" or "raised" not in result.what, result


def test_every_check_of_optimizers_has_its_fault():
    own = {
        c.name
        for c in checks("optimizer")
        if c.function.__module__.startswith("mlkit.testing._optimizer")
    }
    assert own == set(FAULTS)


def test_the_step_at_which_they_part_is_named():
    class Late(Witness):
        steps = 0

        def step(self, weights, gradients):
            self.steps += 1
            moved = super().step(weights, gradients)
            return moved if self.steps <= 6 else [w * 1.001 for w in moved]

    (check,) = (c for c in checks("optimizer") if c.name == "reference")
    assert "they part at step 6 (from 0)" in check(spec(reference=Late)).what


def test_a_sound_optimizer_passes():
    report = run(spec())
    assert report.ok, str(report)


def test_sgd_passes_and_names_its_arguments():
    class Momentum:
        def __init__(self, learning_rate, momentum, nesterov):
            self.rate, self.momentum, self.velocity = learning_rate, momentum, None

        def step(self, weights, gradients):
            old = self.velocity or [0.0 * w for w in weights]
            pairs = zip(old, gradients, strict=True)
            self.velocity = [self.momentum * v - self.rate * g for v, g in pairs]
            parts = zip(weights, gradients, self.velocity, strict=True)
            return [w + self.momentum * v - self.rate * g for w, g, v in parts]

    kwargs = {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}
    report = run(OptimizerSpec(keras.optimizers.SGD, kwargs, reference=Momentum))
    assert report.ok, str(report)

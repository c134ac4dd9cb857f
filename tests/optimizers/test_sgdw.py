import json

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness, gradients, must_stay_together, ours

from mlkit.optimizers import SGD, SGDW
from mlkit.optimizers.schedules import CosineDecay, OneCycle
from mlkit.testing import OptimizerSpec


def witness(weight_decay, learning_rate=0.001, momentum=0.0, nesterov=False):
    def rule(w, g, s, t):
        mu = momentum(t - 1) if callable(momentum) else momentum
        s["m"] = mu * s.get("m", 0) - learning_rate * g
        return w + (mu * s["m"] - learning_rate * g if nesterov else s["m"])

    return Witness(rule, decay=learning_rate * weight_decay)


SPECS = [
    OptimizerSpec(
        SGDW,
        kwargs={"weight_decay": 0.2, "learning_rate": 0.02, "momentum": 0.8, "nesterov": True},
        reference=witness,
    ),
    OptimizerSpec(
        SGDW,
        kwargs={"weight_decay": 0.2, "learning_rate": 0.02},
        reference=witness,
        name="SGDW-plain",
        excuse={"kwargs_complete": "no momentum, the default, is the case here"},
    ),
    OptimizerSpec(
        SGDW,
        kwargs={"weight_decay": 0.2, "learning_rate": 0.02, "momentum": CosineDecay(0.9, 10)},
        reference=lambda **kwargs: witness(
            **{**kwargs, "momentum": lambda t: 0.45 * (1 + np.cos(np.pi * min(t, 10) / 10))}
        ),
        learning_rate=0.1,
        steps=4000,
        name="SGDW-scheduled-momentum",
        excuse={"kwargs_complete": "the schedule is the case here"},
    ),
]


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_two_hundred_updates_beside_the_formula(momentum, nesterov, weight_decay):
    args = (weight_decay, 0.01, momentum, nesterov)
    must_stay_together(SGDW(*args), witness(*args))


def test_without_decay_it_is_the_sgd_of_keras():
    given = gradients(20)
    keras_own = ours(SGD(0.01, momentum=0.9, nesterov=True), given)
    np.testing.assert_array_equal(ours(SGDW(0.0, 0.01, 0.9, True), given), keras_own)


def test_momentum_of_one_cycle():
    cycle = OneCycle(0.1, 200)
    momentum = cycle.momentum()
    optimizer = SGDW(0.1, 0.01, momentum)
    must_stay_together(optimizer, witness(0.1, 0.01, lambda t: float(momentum(t))))
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    back = keras.optimizers.deserialize(config)
    assert back.momentum.get_config() == momentum.get_config()


def test_from_tfa_takes_the_same_part_of_the_weights_whatever_the_rate():
    """There: w -= weight_decay * w, and then the step of SGD."""

    def rule(w, g, s, t):
        s["m"] = 0.9 * s.get("m", 0) - 0.01 * g
        return w + s["m"]

    theirs = Witness(rule, decay=1e-3)
    must_stay_together(SGDW.from_tfa(1e-3, 0.01, 0.9), theirs)
    assert SGDW.from_tfa(1e-3, 0.01).weight_decay == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((-1,), ValueError, "weight_decay=-1"),
        ((None,), TypeError, "weight_decay=None"),
        ((0.1, 0.1, 1.5), ValueError, "momentum=1.5"),
        ((0.1, 0.1, "high"), TypeError, "momentum='high'"),
        ((0.1, 0.1, 0.9, 1), TypeError, "nesterov=1"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        SGDW(*args)

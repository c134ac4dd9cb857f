import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import Yogi
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.01,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-3,
    l1_regularization_strength=0.0,
    l2_regularization_strength=0.0,
    initial_accumulator_value=1e-6,
    activation="sign",
):
    def rule(w, g, s, t):
        s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
        v = s.get("v", initial_accumulator_value)
        sign = np.sign(g**2 - v) if activation == "sign" else np.tanh(10 * (g**2 - v))
        s["v"] = v + (1 - beta2) * sign * g**2
        a = learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t) / (np.sqrt(s["v"]) + epsilon)
        w = w - a * s["m"]
        shrunk = np.sign(w) * np.maximum(np.abs(w) - a * l1_regularization_strength, 0)
        return shrunk / (1 + a * l2_regularization_strength)

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        Yogi,
        kwargs={
            "learning_rate": 0.02,
            "beta1": 0.8,
            "beta2": 0.99,
            "epsilon": 1e-2,
            "l1_regularization_strength": 1e-4,
            "l2_regularization_strength": 1e-5,
            "initial_accumulator_value": 1e-3,
            "activation": "tanh",
        },
        reference=witness,
    ),
    OptimizerSpec(
        Yogi,
        kwargs={"learning_rate": 0.02},
        reference=witness,
        name="Yogi-plain",
        excuse={"kwargs_complete": "the defaults are the case here"},
    ),
]


@pytest.mark.parametrize("beta1", [0.0, 0.9])
@pytest.mark.parametrize("beta2", [0.9, 0.999])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.05, 0.1)])
def test_two_hundred_updates_beside_the_paper(beta1, beta2, activation, l1, l2):
    args = (0.01, beta1, beta2, 1e-3, l1, l2, 1e-6, activation)
    must_stay_together(Yogi(*args), witness(*args))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"beta1": 1},
        {"beta2": 1},
        {"epsilon": -1},
        {"l1_regularization_strength": -1},
        {"l2_regularization_strength": -1},
        {"initial_accumulator_value": 0},
        {"activation": "relu"},
    ],
)
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value!r}"):
        Yogi(**kwargs)

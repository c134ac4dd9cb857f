import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import ProximalAdagrad
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.001,
    initial_accumulator_value=0.1,
    l1_regularization_strength=0.0,
    l2_regularization_strength=0.0,
):
    def rule(w, g, s, t):
        s["s"] = s.get("s", initial_accumulator_value) + g**2
        a = learning_rate / np.sqrt(s["s"])
        w = w - a * g
        shrunk = np.sign(w) * np.maximum(np.abs(w) - a * l1_regularization_strength, 0)
        return shrunk / (1 + a * l2_regularization_strength)

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        ProximalAdagrad,
        kwargs={
            "learning_rate": 0.05,
            "initial_accumulator_value": 0.3,
            "l1_regularization_strength": 1e-4,
            "l2_regularization_strength": 1e-5,
        },
        reference=witness,
        learning_rate=1.0,
    )
]


@pytest.mark.parametrize("first", [0.01, 1.0])
@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_two_hundred_updates_beside_the_paper(first, l1, l2):
    args = (0.1, first, l1, l2)
    must_stay_together(ProximalAdagrad(*args), witness(*args))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"initial_accumulator_value": 0},
        {"l1_regularization_strength": -1},
        {"l2_regularization_strength": -1},
    ],
)
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        ProximalAdagrad(**kwargs)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import NovoGrad
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    weight_decay=None,
    grad_averaging=False,
    amsgrad=False,
):
    def rule(w, g, s, t):
        square = np.sum(g**2)
        s["v"] = square if t == 1 else beta_2 * s["v"] + (1 - beta_2) * square
        s["top"] = max(s.get("top", 0), s["v"])
        h = g / (np.sqrt(s["top"] if amsgrad else s["v"]) + epsilon) + (weight_decay or 0) * w
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1 if grad_averaging else 1) * h
        return w - learning_rate * s["m"]

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        NovoGrad,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.8,
            "beta_2": 0.9,
            "epsilon": 1e-3,
            "weight_decay": 0.03,
            "grad_averaging": True,
            "amsgrad": True,
        },
        reference=witness,
        learning_rate=0.1,
    )
]


@pytest.mark.parametrize("beta_1", [0.0, 0.95])
@pytest.mark.parametrize("beta_2", [0.25, 0.98])
@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("more", [{}, {"amsgrad": True}, {"weight_decay": 0.1}])
def test_two_hundred_updates_beside_the_paper(beta_1, beta_2, averaging, more):
    kwargs = {"beta_1": beta_1, "beta_2": beta_2, "grad_averaging": averaging, **more}
    must_stay_together(NovoGrad(0.01, **kwargs), witness(0.01, **kwargs))


def test_no_gradient_is_no_step():
    w = keras.Variable(np.ones(2, "f4"))
    NovoGrad(0.1, epsilon=0).apply([keras.ops.zeros(2)], [w])
    np.testing.assert_array_equal(w, [1.0, 1.0])


@pytest.mark.parametrize("kwargs", [{"beta_1": 1}, {"beta_2": 1}, {"epsilon": -1}])
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        NovoGrad(**kwargs)

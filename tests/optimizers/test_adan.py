import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import Adan
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.001, beta_1=0.98, beta_2=0.92, beta_3=0.99, epsilon=1e-8, weight_decay=0.0
):
    def rule(w, g, s, t):
        d = g - s.get("before", g)
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * d
        s["n"] = beta_3 * s.get("n", 0) + (1 - beta_3) * (g + beta_2 * d) ** 2
        s["before"] = g
        m, v, n = (s[k] / (1 - b**t) for k, b in (("m", beta_1), ("v", beta_2), ("n", beta_3)))
        return w - learning_rate * (m + beta_2 * v) / (np.sqrt(n) + epsilon)

    return Witness(rule, decay=learning_rate * weight_decay)


SPECS = [
    OptimizerSpec(
        Adan,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.9,
            "beta_2": 0.8,
            "beta_3": 0.95,
            "epsilon": 1e-4,
        },
        reference=witness,
    )
]


@pytest.mark.parametrize("beta_1", [0.5, 0.98])
@pytest.mark.parametrize("beta_2", [0.0, 0.92])
@pytest.mark.parametrize("beta_3", [0.9, 0.999])
@pytest.mark.parametrize("weight_decay", [0.0, 0.2])
def test_two_hundred_updates_beside_the_paper(beta_1, beta_2, beta_3, weight_decay):
    kwargs = {"beta_1": beta_1, "beta_2": beta_2, "beta_3": beta_3, "weight_decay": weight_decay}
    must_stay_together(Adan(0.01, **kwargs), witness(0.01, **kwargs))


@pytest.mark.parametrize("kwargs", [{"beta_1": 1}, {"beta_2": 1}, {"beta_3": 1}, {"epsilon": -1}])
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        Adan(**kwargs)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import COCOB
from mlkit.testing import OptimizerSpec


def witness(alpha=100):
    def rule(w, g, s, t):
        first = s.setdefault("first", w)
        s["L"] = np.maximum(s.get("L", 0), np.abs(g))
        s["G"] = s.get("G", 0) + np.abs(g)
        s["R"] = np.maximum(s.get("R", 0) - g * (w - first), 0)
        s["sum"] = s.get("sum", 0) - g
        bet = s["L"] * np.maximum(s["G"] + s["L"], alpha * s["L"])
        return first + s["sum"] * (s["L"] + s["R"]) / bet

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        COCOB,
        kwargs={"alpha": 20},
        reference=witness,
        excuse={"schedule": "it has no learning rate: that is what it is for"},
    )
]


@pytest.mark.parametrize("alpha", [1, 10, 100, 1000])
def test_two_hundred_updates_beside_the_paper(alpha):
    must_stay_together(COCOB(alpha), witness(alpha))


def test_a_weight_without_a_gradient_stays():
    w = keras.Variable(np.ones(2, "f4"))
    optimizer = COCOB()
    for _ in range(3):
        optimizer.apply([keras.ops.convert_to_tensor([0.0, 1.0])], [w])
    assert float(w[0]) == 1.0
    assert float(w[1]) < 1.0


def test_wrong_alpha():
    with pytest.raises(ValueError, match=r"`alpha` must be .* Received: alpha=0.5"):
        COCOB(0.5)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import LARS
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=1.0,
    momentum=0.9,
    nesterov=False,
    trust_coefficient=0.001,
    epsilon=1e-8,
    trust_clip=False,
    always_adapt=False,
    weight_decay=None,
):
    decay = weight_decay or 0

    def rule(w, g, s, t):
        w_norm, g_norm = np.sqrt(np.sum(w**2)), np.sqrt(np.sum(g**2))
        q = 1.0
        if w_norm > 0 and g_norm > 0:
            q = trust_coefficient * w_norm / (g_norm + decay * w_norm + epsilon)
        if trust_clip:
            q = min(q / learning_rate, 1.0)
        g = q * (g + decay * w)
        s["m"] = momentum * s.get("m", 0) + g
        return w - learning_rate * (g + momentum * s["m"] if nesterov else s["m"])

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        LARS,
        kwargs={
            "learning_rate": 0.5,
            "momentum": 0.7,
            "nesterov": True,
            "trust_coefficient": 0.05,
            "epsilon": 1e-3,
            "trust_clip": True,
            "always_adapt": True,
            "weight_decay": 0.02,
        },
        reference=witness,
        learning_rate=0.5,
    )
]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("trust_clip", [False, True])
@pytest.mark.parametrize("weight_decay", [None, 0.1])
def test_two_hundred_updates_beside_the_paper(momentum, nesterov, trust_clip, weight_decay):
    kwargs = {
        "learning_rate": 0.5,
        "momentum": momentum,
        "nesterov": nesterov,
        "trust_clip": trust_clip,
        "trust_coefficient": 0.02,
        "weight_decay": weight_decay,
    }
    must_stay_together(LARS(**kwargs), witness(**kwargs))


@pytest.mark.parametrize("always", [False, True])
def test_what_is_excluded_from_decay_is_not_adapted(always):
    w = keras.Variable(np.array([3.0, 4.0], "f4"), name="bias")
    optimizer = LARS(0.1, 0.0, trust_coefficient=0.5, weight_decay=0.1, always_adapt=always)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([keras.ops.convert_to_tensor([0.0, 10.0])], [w])
    np.testing.assert_allclose(w, [3.0, 4.0 - 0.1 * 10 * (0.25 if always else 1.0)], rtol=1e-6)


def test_weights_of_zero_and_gradients_of_zero_step_as_sgd():
    w = keras.Variable(np.zeros(2, "f4"))
    optimizer = LARS(0.1, 0.0)
    optimizer.apply([keras.ops.convert_to_tensor([1.0, -2.0])], [w])
    np.testing.assert_allclose(w, [-0.1, 0.2], rtol=1e-6)
    optimizer.apply([keras.ops.zeros(2)], [w])
    np.testing.assert_allclose(w, [-0.1, 0.2], rtol=1e-6)


@pytest.mark.parametrize(
    "kwargs", [{"momentum": 1}, {"trust_coefficient": 0}, {"epsilon": -1}, {"learning_rate": -1}]
)
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        LARS(**kwargs)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness

from mlkit.optimizers import SGD, MovingAverage
from mlkit.testing import OptimizerSpec


def witness(optimizer, **kwargs):
    return Witness(lambda w, g, s, t: w - 0.02 * g)


BASE = "arguments of the base class belong to the optimizer inside, and are refused in words"
SPECS = [
    OptimizerSpec(
        MovingAverage,
        kwargs={
            "optimizer": SGD(0.02),
            "average_decay": 0.9,
            "num_updates": 50,
            "start_step": 4,
            "dynamic_decay": True,
        },
        reference=witness,
        excuse={"base_arguments": BASE},
        learning_rate=0.1,
        steps=3000,
    )
]


@pytest.mark.parametrize("decay", [0.5, 0.9999])
@pytest.mark.parametrize("num_updates", [None, 3])
@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize("dynamic", [False, True])
def test_the_average_is_that_of_the_formula(decay, num_updates, start, dynamic):
    w = keras.Variable(np.ones(2, "f4"))
    optimizer = MovingAverage(SGD(0.1), decay, num_updates, start, dynamic)
    rng, average = np.random.default_rng(0), np.ones(2)
    for t in range(30):
        optimizer.apply([rng.normal(size=2).astype("f4")], [w])
        d = decay if num_updates is None else min(decay, (1 + 3) / (10 + 3))
        if dynamic:
            d = min(d, (1 + t - start) / (10 + t - start))
        d = 0 if t < start else d
        average = d * average + (1 - d) * np.array(w, np.float64)
    optimizer.assign_average_vars([w])
    np.testing.assert_allclose(w, average, rtol=1e-5)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"average_decay": 1.5}, ValueError, "average_decay=1.5"),
        ({"num_updates": -1}, ValueError, "num_updates=-1"),
        ({"start_step": -1}, ValueError, "start_step=-1"),
        ({"dynamic_decay": 1}, TypeError, "dynamic_decay=1"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        MovingAverage(SGD(), **kwargs)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness

from mlkit.optimizers import SGD, SWA, Lookahead, MovingAverage
from mlkit.testing import OptimizerSpec


def witness(optimizer, start_averaging=0, average_period=10):
    return Witness(lambda w, g, s, t: w - 0.02 * g)


BASE = "arguments of the base class belong to the optimizer inside, and are refused in words"
SPECS = [
    OptimizerSpec(
        SWA,
        kwargs={"optimizer": SGD(0.02), "start_averaging": 700, "average_period": 3},
        reference=witness,
        excuse={"base_arguments": BASE},
        learning_rate=0.1,
        steps=3000,
    )
]


@pytest.mark.parametrize("start", [0, 4])
@pytest.mark.parametrize("period", [1, 3])
def test_the_average_is_the_mean_of_every_third_weight(start, period):
    w = keras.Variable(np.ones(2, "f4"))
    optimizer = SWA(SGD(0.1), start, period)
    rng, seen = np.random.default_rng(0), []
    for t in range(14):
        optimizer.apply([rng.normal(size=2).astype("f4")], [w])
        if t >= start and (t - start) % period == 0:
            seen.append(np.array(w))
    last = np.array(w)
    optimizer.swap_weights()
    np.testing.assert_allclose(w, np.mean(seen, 0), rtol=1e-5)
    optimizer.swap_weights()
    np.testing.assert_array_equal(w, last)
    optimizer.assign_average_vars([w])
    np.testing.assert_allclose(w, np.mean(seen, 0), rtol=1e-5)


def test_before_the_first_mean_nothing_is_put_in():
    w = keras.Variable(np.zeros(1, "f4"))
    optimizer = SWA(SGD(1.0), start_averaging=5)
    optimizer.assign_average_vars([w])
    optimizer.build([w])
    for _ in range(5):
        optimizer.apply([keras.ops.ones(1)], [w])
    optimizer.finalize_variable_values([w])
    assert float(w[0]) == -5.0
    optimizer.apply([keras.ops.ones(1)], [w])
    optimizer.apply([keras.ops.ones(1)], [w])
    optimizer.finalize_variable_values([w])
    assert float(w[0]) == -6.0


def test_micro_steps_of_an_accumulated_update_are_not_taken_in():
    w = keras.Variable(np.zeros(1, "f4"))
    optimizer = SWA(SGD(1.0, gradient_accumulation_steps=3), 0, 1)
    for _ in range(11):
        optimizer.apply([-keras.ops.ones(1)], [w])
    assert float(w[0]) == 3.0
    optimizer.assign_average_vars([w])
    assert float(w[0]) == 2.0  # of 1, 2 and 3


def test_fit_puts_the_mean_in_at_its_end():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    model.compile(SWA(SGD(1.0), 0, 1), loss=lambda y, x: -x)
    model.fit(np.ones((3, 1)), np.ones((3, 1)), batch_size=1, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[2.0]], rtol=1e-6)  # of 1, 2 and 3


@pytest.mark.parametrize(
    "inner", [SGD(use_ema=True), MovingAverage(SGD()), SWA(SGD())], ids=["ema", "moving", "swa"]
)
def test_two_averages_are_refused(inner):
    with pytest.raises(ValueError, match="both average the weights"):
        SWA(inner)


def test_it_goes_around_lookahead():
    w = keras.Variable(np.zeros(1, "f4"))
    optimizer = SWA(Lookahead(SGD(1.0), 2, 0.5), 0, 1)
    for _ in range(4):
        optimizer.apply([-keras.ops.ones(1)], [w])
    optimizer.assign_average_vars([w])
    assert float(w[0]) == np.mean([1, 1, 2, 2])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"start_averaging": -1}, "start_averaging=-1"), ({"average_period": 0}, "average_period=0")],
)
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SWA(SGD(), **kwargs)

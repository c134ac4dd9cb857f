import keras
import numpy as np
import pytest
from optimizer_lockstep import must_stay_together

from mlkit.optimizers import SGD, Adam, MovingAverage, ScheduleFree
from mlkit.optimizers.schedules import WarmupSchedule
from mlkit.testing import OptimizerSpec


class Three:
    """The paper's three points around gradient descent, kept as lists of arrays."""

    def __init__(self, rate, momentum=0.9, step_power=0.0, rate_power=2.0):
        self.rate = rate if callable(rate) else lambda t: rate
        self.beta, self.r, self.p = momentum, step_power, rate_power
        self.t, self.x, self.z, self.total, self.largest = 0, None, None, 0.0, 0.0

    def step(self, weights, gradients):
        if self.x is None:
            self.x = self.z = weights
        rate, self.t = self.rate(self.t), self.t + 1
        self.largest = max(self.largest, rate)
        weight = self.t**self.r * self.largest**self.p
        self.total += weight
        c = weight / self.total if self.total else 0.0
        self.z = [z - rate * g for z, g in zip(self.z, gradients, strict=True)]
        self.x = [(1 - c) * x + c * z for x, z in zip(self.x, self.z, strict=True)]
        pairs = zip(self.x, self.z, strict=True)
        return [(1 - self.beta) * z + self.beta * x for x, z in pairs]


def witness(optimizer=None, **kwargs):
    return Three(0.03, **kwargs)


BASE = "arguments of the base class belong to the optimizer inside, and are refused in words"
SPECS = [
    OptimizerSpec(
        ScheduleFree,
        kwargs={"optimizer": SGD(0.03), "momentum": 0.8, "step_power": 1.0, "rate_power": 1.0},
        reference=witness,
        excuse={"base_arguments": BASE},
        learning_rate=0.2,
        steps=6000,
    )
]


@pytest.mark.parametrize("momentum", [0.5, 0.98])
@pytest.mark.parametrize("step_power", [0.0, 1.0])
@pytest.mark.parametrize("rate_power", [0.0, 2.0])
@pytest.mark.parametrize("warmup", [0, 20])
def test_two_hundred_updates_beside_the_paper(momentum, step_power, rate_power, warmup):
    powers = {"step_power": step_power, "rate_power": rate_power}
    if warmup:
        rate = WarmupSchedule(0.05, warmup, 0.0)
        theirs = Three(lambda t: 0.05 * min(t / warmup, 1), momentum, **powers)
    else:
        rate, theirs = 0.05, Three(0.05, momentum, **powers)
    must_stay_together(ScheduleFree(SGD(rate), momentum, **powers), theirs)


def stepped(optimizer, updates, first=(0.0,)):
    w = keras.Variable(np.array(first, "f4"))
    for _ in range(updates):
        optimizer.apply([-keras.ops.ones(len(first))], [w])
    return w


def test_the_model_that_is_meant_is_the_mean_of_where_the_inner_optimizer_went():
    optimizer = ScheduleFree(SGD(1.0), 0.75)
    w = stepped(optimizer, 5)
    assert float(w[0]) == 0.25 * 5 + 0.75 * 3  # z is at 5, the mean of 1 to 5 at 3
    optimizer.finalize_variable_values([w])
    assert float(w[0]) == 3.0


def test_training_goes_on_from_its_own_points_after_the_mean_was_put_in():
    optimizer = ScheduleFree(SGD(1.0), 0.75)
    w = stepped(optimizer, 5)
    optimizer.finalize_variable_values([w])
    optimizer.apply([-keras.ops.ones(1)], [w])
    assert float(w[0]) == 0.25 * 6 + 0.75 * 3.5


def test_an_accumulated_update_counts_once():
    w = stepped(ScheduleFree(SGD(1.0, gradient_accumulation_steps=3), 0.75), 8)
    assert float(w[0]) == 0.25 * 2 + 0.75 * 1.5


def test_weights_with_adam_inside_and_rates_of_zero():
    optimizer = ScheduleFree(Adam(WarmupSchedule(0.1, 3, 0.0), beta_1=0.0))
    w = stepped(optimizer, 1, (1.0, 2.0))
    np.testing.assert_array_equal(w, [1.0, 2.0])


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((SGD(),), {"momentum": 1.0}, "momentum=1.0"),
        ((SGD(),), {"momentum": 0}, "momentum=0"),
        ((SGD(),), {"step_power": -1}, "step_power=-1"),
        ((SGD(),), {"rate_power": -1}, "rate_power=-1"),
        ((MovingAverage(SGD()),), {}, "both average the weights"),
        ((SGD(),), {"clipnorm": 1.0}, "give clipnorm to the optimizer inside it"),
    ],
)
def test_wrong_arguments(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        ScheduleFree(*args, **kwargs)

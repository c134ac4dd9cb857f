import math

import pytest

from mlkit.optimizers.schedules import ExponentialCyclicalLearningRate
from mlkit.testing import ScheduleSpec


def wave(step):
    cycle = math.floor(1 + step / 60)
    return cycle, 1 - abs(step / 30 - 2 * cycle + 1)


def arguments(mode):
    return {
        "initial_learning_rate": 0.1,
        "maximal_learning_rate": 0.8,
        "step_size": 30,
        "scale_mode": mode,
        "gamma": 0.99,
        "name": "wave",
    }


SPECS = [
    ScheduleSpec(
        ExponentialCyclicalLearningRate,
        kwargs=arguments("cycle"),
        reference=lambda step: 0.1 + 0.7 * wave(step)[1] * 0.99 ** wave(step)[0],
        knots=(30, 60, 90, 120),
        name="ExponentialCyclicalLearningRate-cycle",
    ),
    ScheduleSpec(
        ExponentialCyclicalLearningRate,
        kwargs=arguments("iterations"),
        reference=lambda step: 0.1 + 0.7 * wave(step)[1] * 0.99**step,
        knots=(30, 60, 90, 120),
        excuse={"kwargs_complete": 'the other mode stands above; "iterations" is the default'},
    ),
]


def test_the_power_is_right_after_many_updates():
    schedule = ExponentialCyclicalLearningRate(0.0, 1.0, 30, gamma=0.999_99)
    step = 600_030
    assert float(schedule(step)) == pytest.approx(0.999_99**step, rel=1e-5)


@pytest.mark.parametrize("gamma", [0, 1.1])
def test_wrong_gamma(gamma):
    with pytest.raises(ValueError, match=f"`gamma` must be .* Received: gamma={gamma}"):
        ExponentialCyclicalLearningRate(0.1, 0.8, 30, gamma=gamma)

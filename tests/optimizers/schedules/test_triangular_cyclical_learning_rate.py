import math

import numpy as np
import pytest

from mlkit.optimizers.schedules import TriangularCyclicalLearningRate
from mlkit.testing import ScheduleSpec


def reference(step, size=30):
    cycle = math.floor(1 + step / (2 * size))
    return 0.1 + 0.7 * (1 - abs(step / size - 2 * cycle + 1))


SPECS = [
    ScheduleSpec(
        TriangularCyclicalLearningRate,
        kwargs={
            "initial_learning_rate": 0.1,
            "maximal_learning_rate": 0.8,
            "step_size": 30,
            "scale_mode": "iterations",
            "name": "wave",
        },
        reference=reference,
        knots=(30, 60, 90, 120),
    )
]


@pytest.mark.parametrize("size", [0.5, 2.5, 7.3])
def test_a_size_need_not_be_whole(size):
    schedule = TriangularCyclicalLearningRate(0.1, 0.8, size)
    got = [float(schedule(step)) for step in range(60)]
    np.testing.assert_allclose(got, [reference(s, size) for s in range(60)], atol=1e-5)


def test_whole_cycles_stay_exact_after_many_updates():
    schedule = TriangularCyclicalLearningRate(0.0, 1.0, 1000)
    assert float(schedule(2_000_000_000 + 123)) == np.float32(0.123)


def test_it_may_begin_at_the_higher_rate():
    schedule = TriangularCyclicalLearningRate(0.9, 0.1, 4)
    assert float(schedule(4)) == pytest.approx(0.1)

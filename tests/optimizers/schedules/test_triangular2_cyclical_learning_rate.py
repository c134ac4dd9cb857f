import math

from mlkit.optimizers.schedules import Triangular2CyclicalLearningRate
from mlkit.testing import ScheduleSpec


def by_cycle(step):
    cycle = math.floor(1 + step / 60)
    return 0.1 + 0.7 * (1 - abs(step / 30 - 2 * cycle + 1)) / 2 ** (cycle - 1)


def by_step(step):
    cycle = math.floor(1 + step / 60)
    return 0.1 + 0.7 * (1 - abs(step / 30 - 2 * cycle + 1)) / 2.0 ** (step - 1)


def arguments(mode):
    return {
        "initial_learning_rate": 0.1,
        "maximal_learning_rate": 0.8,
        "step_size": 30,
        "scale_mode": mode,
        "name": "wave",
    }


SPECS = [
    ScheduleSpec(
        Triangular2CyclicalLearningRate,
        kwargs=arguments("iterations"),
        reference=by_step,
        knots=(30, 60, 90, 120),
        name="Triangular2CyclicalLearningRate-iterations",
    ),
    ScheduleSpec(
        Triangular2CyclicalLearningRate,
        kwargs=arguments("cycle"),
        reference=by_cycle,
        knots=(30, 60, 90, 120),
        excuse={"kwargs_complete": 'the other mode stands above; "cycle" is the default'},
    ),
]

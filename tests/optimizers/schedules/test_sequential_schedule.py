import json

import keras
import pytest

from mlkit.optimizers.schedules import CosineDecay, InverseTimeDecay, SequentialSchedule
from mlkit.testing import ScheduleSpec

PARTS = [0.3, CosineDecay(0.5, 100), InverseTimeDecay(0.4, 10, 0.5)]


def reference(step):
    if step < 20:
        return 0.3
    if step < 150:
        return float(PARTS[1](step - 20))
    return 0.4 / (1 + 0.5 * (step - 150) / 10)


SPECS = [
    ScheduleSpec(
        SequentialSchedule,
        kwargs={"schedules": PARTS, "boundaries": [20, 150], "name": "three"},
        reference=reference,
        knots=(20, 120, 150),
    )
]


def test_a_boundary_is_the_first_step_of_the_next():
    schedule = SequentialSchedule([0.1, 0.2, 0.3], [2, 4])
    got = [round(float(schedule(step)), 3) for step in range(6)]
    assert got == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]


def test_one_schedule_is_itself():
    assert float(SequentialSchedule([0.25], [])(7)) == 0.25


def test_nested_schedules_come_back_from_json():
    schedule = SequentialSchedule([SequentialSchedule(PARTS, [20, 150]), 0.1], [300])
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    back = keras.optimizers.schedules.deserialize(config)
    steps = (0, 19, 20, 149, 150, 299, 300)
    assert [float(back(s)) for s in steps] == [float(schedule(s)) for s in steps]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (([], []), ValueError, "at least one"),
        (([0.1, 0.2], []), ValueError, r"2 schedules, boundaries=\[\]"),
        (([0.1, "fast"], [3]), TypeError, r"schedules\[1\]='fast'"),
        (([0.1, 0.2], [0]), ValueError, r"boundaries\[0\]=0"),
        (([0.1, 0.2, 0.3], [5, 5]), ValueError, r"boundaries\[1\]=5"),
        (([0.1, 0.2], [2.5]), TypeError, r"boundaries\[0\]=2.5"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        SequentialSchedule(*args)

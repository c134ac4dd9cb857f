import math

import pytest

from mlkit.optimizers.schedules import WSD
from mlkit.testing import ScheduleSpec

SHAPES = {
    "linear": lambda f: 1 - f,
    "sqrt": lambda f: 1 - math.sqrt(f),
    "cosine": lambda f: (1 + math.cos(math.pi * f)) / 2,
}


def reference(step, decay):
    if step < 50:
        return 0.01 + (0.5 - 0.01) * step / 50
    if step < 450:
        return 0.5
    f = min(1.0, (step - 450) / 200)
    return 0.02 + (0.5 - 0.02) * SHAPES[decay](f)


SPECS = [
    ScheduleSpec(
        WSD,
        kwargs={
            "learning_rate": 0.5,
            "warmup_steps": 50,
            "stable_steps": 400,
            "decay_steps": 200,
            "decay": decay,
            "initial_learning_rate": 0.01,
            "final_learning_rate": 0.02,
            "name": "wsd",
        },
        reference=lambda step, decay=decay: reference(step, decay),
        knots=(50, 450, 650),
        name=f"WSD-{decay}",
        excuse={"kwargs_complete": "the default of `decay`; WSD-sqrt has no default"}
        if decay == "linear"
        else {},
    )
    for decay in SHAPES
]


def test_no_warm_up_and_no_stable_part():
    schedule = WSD(1.0, 0, 0, 4)
    assert [float(schedule(step)) for step in range(6)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((-1, 1, 1, 1), ValueError, "learning_rate=-1"),
        ((1, -1, 1, 1), ValueError, "warmup_steps=-1"),
        ((1, 1, 0.5, 1), TypeError, "stable_steps=0.5"),
        ((1, 1, 1, 0), ValueError, "decay_steps=0"),
        ((1, 1, 1, 1, "exp"), ValueError, "decay='exp'"),
        ((1, 1, 1, 1, "sqrt", -1), ValueError, "initial_learning_rate=-1"),
        ((1, 1, 1, 1, "sqrt", 0, -1), ValueError, "final_learning_rate=-1"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        WSD(*args)

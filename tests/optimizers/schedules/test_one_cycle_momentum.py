import math

import pytest

from mlkit.optimizers.schedules import OneCycleMomentum
from mlkit.testing import ScheduleSpec


def reference(step):
    if step > 398:
        return 0.9
    f = step / 199 if step <= 199 else (398 - step) / 199
    return 0.9 + (0.6 - 0.9) * f


def cosine(step):
    if step > 499:
        return 0.9
    f = step / 199 if step <= 199 else (499 - step) / 300
    return 0.9 + (0.6 - 0.9) * (1 - math.cos(math.pi * f)) / 2


SPECS = [
    ScheduleSpec(
        OneCycleMomentum,
        kwargs={
            "total_steps": 500,
            "base_momentum": 0.6,
            "max_momentum": 0.9,
            "pct_start": 0.4,
            "anneal_strategy": "linear",
            "three_phase": True,
            "name": "momentum",
        },
        reference=reference,
        knots=(199, 398, 499),
        last=500,
    ),
    ScheduleSpec(
        OneCycleMomentum,
        kwargs={
            "total_steps": 500,
            "base_momentum": 0.6,
            "max_momentum": 0.9,
            "pct_start": 0.4,
            "name": "momentum",
        },
        reference=cosine,
        knots=(199, 499),
        last=500,
        name="OneCycleMomentum-cos-2",
        excuse={"kwargs_complete": "the defaults of two arguments are the case here"},
    ),
]


@pytest.mark.parametrize("kwargs", [{"base_momentum": -0.1}, {"max_momentum": 1.5}])
def test_wrong_arguments(kwargs):
    ((name, value),) = kwargs.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
        OneCycleMomentum(50, **kwargs)

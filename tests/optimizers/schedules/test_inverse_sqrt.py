import pytest

from mlkit.optimizers.schedules import InverseSqrt
from mlkit.testing import ScheduleSpec


def reference(step):
    return 0.01 + 0.49 * step / 40 if step < 40 else 0.5 * 40**0.5 * step**-0.5


SPECS = [
    ScheduleSpec(
        InverseSqrt,
        kwargs={
            "learning_rate": 0.5,
            "warmup_steps": 40,
            "initial_learning_rate": 0.01,
            "name": "root",
        },
        reference=reference,
        knots=(40,),
    )
]


@pytest.mark.parametrize(
    ("args", "message"),
    [((-1, 4), "learning_rate=-1"), ((1, 0), "warmup_steps=0"), ((1, 4, -1), "_rate=-1")],
)
def test_wrong_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        InverseSqrt(*args)

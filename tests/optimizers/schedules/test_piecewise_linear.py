import numpy as np
import pytest

from mlkit.optimizers.schedules import PiecewiseLinear
from mlkit.testing import ScheduleSpec

AT, VALUES = [5, 40, 41, 300], [0.1, 0.9, 0.5, 0.0]

SPECS = [
    ScheduleSpec(
        PiecewiseLinear,
        kwargs={"boundaries": AT, "values": VALUES, "name": "lines"},
        reference=lambda step: float(np.interp(step, AT, VALUES)),
        knots=tuple(AT),
    )
]


def test_a_boundary_has_its_value_exactly():
    schedule = PiecewiseLinear(AT, VALUES)
    assert [float(schedule(step)) for step in AT] == [np.float32(v) for v in VALUES]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (([0], [1.0]), ValueError, "at least 2"),
        (([0, 5], [1.0]), ValueError, "of one length"),
        (([-1, 5], [1.0, 0.0]), ValueError, r"boundaries\[0\]=-1"),
        (([5, 5], [1.0, 0.0]), ValueError, r"boundaries\[1\]=5"),
        (([0, 5], [1.0, -0.5]), ValueError, r"values\[1\]=-0.5"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        PiecewiseLinear(*args)

import pytest

from mlkit.optimizers.schedules import InverseSqrt, Noam
from mlkit.testing import ScheduleSpec


def reference(step):
    t = step + 1
    return 2.0 * 64**-0.5 * min(t**-0.5, t * 40**-1.5)


SPECS = [
    ScheduleSpec(
        Noam,
        kwargs={"d_model": 64, "warmup_steps": 40, "scale": 2.0, "name": "attention"},
        reference=reference,
        knots=(39, 40),
    )
]


def test_it_is_the_inverse_root_one_step_later():
    noam, root = Noam(64, 40), InverseSqrt((64 * 40) ** -0.5, 40)
    for step in (0, 20, 39, 100):
        assert float(noam(step)) == pytest.approx(float(root(step + 1)), rel=1e-6)


@pytest.mark.parametrize(
    ("args", "message"),
    [((0,), "d_model=0"), ((1, 0), "warmup_steps=0"), ((1, 4, -1), "scale=-1")],
)
def test_wrong_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        Noam(*args)

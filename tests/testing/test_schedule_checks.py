"""Each check of schedules fails on a schedule that breaks its rule, and only on such."""

import keras
import pytest
from keras import ops

from mlkit.testing import ScheduleSpec
from mlkit.testing._check import checks
from mlkit.testing._run import run


@keras.saving.register_keras_serializable("schedule_checks")
class Sound(keras.optimizers.schedules.LearningRateSchedule):
    """Linear to zero at step 20.

    Args:
        rate: the first rate.
    """

    def __init__(self, rate=0.1):
        self.rate = rate

    def __call__(self, step):
        left = 1.0 - ops.minimum(ops.cast(step, "float32"), 20.0) / 20.0
        return ops.cast(self.rate, "float32") * left

    def get_config(self):
        return {"rate": self.rate}


def linear(step):
    return 0.5 * (1 - min(step, 20) / 20)


def spec(cls=Sound, **fields):
    given = {"kwargs": {"rate": 0.5}, "knots": (20,), "last": 40, "reference": linear}
    return ScheduleSpec(cls, **{**given, **fields})


def variant(**methods):
    return type("Faulty", (Sound,), {"__doc__": "A faulty schedule. rate", **methods})


def a_step_ahead(self, step):
    return Sound.__call__(self, step if isinstance(step, int) else step + 1)


FAULTS = {
    "reference": spec(reference=lambda step: linear(max(0, step - 1))),
    "finite": spec(
        variant(__call__=lambda self, step: self.rate * (1 - ops.cast(step, "float32")))
    ),
    "step_types": spec(
        variant(__call__=lambda self, step: 0.5 / (1 + 0.25 * (step + isinstance(step, float))))
    ),
    "compiled": spec(
        variant(__call__=lambda self, step: Sound.__call__(self, step if _eager() else step + 1))
    ),
    "saved": spec(variant(get_config=lambda self: {})),
    "in_optimizer": spec(variant(__call__=a_step_ahead)),
}


def _eager():
    import tensorflow as tf

    return tf.executing_eagerly()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    (check,) = (c for c in checks("schedule") if c.name == name)
    result = check(FAULTS[name])
    assert result.status == "failed", result
    assert "raised" not in result.what, result


def test_every_check_of_schedules_has_its_fault():
    own = {
        c.name
        for c in checks("schedule")
        if c.function.__module__.startswith("mlkit.testing._schedule")
    }
    assert own == set(FAULTS)


def test_a_sound_schedule_passes():
    report = run(spec())
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("cls", "kwargs"),
    [
        (
            keras.optimizers.schedules.CosineDecay,
            {
                "initial_learning_rate": 0.1,
                "decay_steps": 50,
                "alpha": 0.1,
                "warmup_target": 0.5,
                "warmup_steps": 10,
            },
        ),
        (
            keras.optimizers.schedules.PiecewiseConstantDecay,
            {"boundaries": [3, 9], "values": [1.0, 0.5, 0.1]},
        ),
    ],
)
def test_sound_schedules_of_keras_pass(cls, kwargs):
    report = run(ScheduleSpec(cls, kwargs, knots=(3, 9, 10, 60), last=100))
    assert report.ok, str(report)

import math

import pytest

from mlkit.optimizers.schedules import CosineDecayRestarts, CosineWithWarmupRestarts
from mlkit.testing import ScheduleSpec


def reference(step, first=40, warm=7, t_mul=1.5, m_mul=0.8, alpha=0.1, rate=0.5):
    peak, low, length = rate, alpha * rate, float(first)
    while step >= round(length):
        step -= round(length)
        length *= t_mul
        peak *= m_mul
    height = max(peak - low, 0.0)
    if step < warm:
        return low + height * step / warm
    return low + height * (1 + math.cos(math.pi * (step - warm) / (round(length) - warm))) / 2


def arguments(t_mul, warm):
    return {
        "learning_rate": 0.5,
        "first_decay_steps": 40,
        "warmup_steps": warm,
        "t_mul": t_mul,
        "m_mul": 0.8,
        "alpha": 0.1,
        "name": "cycles",
    }


SPECS = [
    ScheduleSpec(
        CosineWithWarmupRestarts,
        kwargs=arguments(1.5, 7),
        reference=reference,
        knots=(7, 40, 47, 100, 107, 190),
    ),
    ScheduleSpec(
        CosineWithWarmupRestarts,
        kwargs=arguments(1.0, 0),
        reference=lambda step: reference(step, warm=0, t_mul=1.0),
        knots=(40, 80, 120),
        name="CosineWithWarmupRestarts-equal",
        excuse={"kwargs_complete": "no warm-up, its default, is the case here"},
    ),
]


def test_without_warm_up_it_is_the_one_of_keras():
    keras_own = CosineDecayRestarts(0.5, 30, t_mul=2.0, m_mul=0.9, alpha=0.05)
    ours = CosineWithWarmupRestarts(0.5, 30, t_mul=2.0, m_mul=0.9, alpha=0.05)
    # Keras' low follows the peak: with m_mul = 1 the two are one.
    for step in (0, 10, 29):
        assert float(ours(step)) == pytest.approx(float(keras_own(step)), rel=1e-5)
    keras_own = CosineDecayRestarts(0.5, 30, t_mul=2.0, alpha=0.05)
    ours = CosineWithWarmupRestarts(0.5, 30, t_mul=2.0, alpha=0.05)
    for step in (0, 29, 31, 89, 100, 300):
        assert float(ours(step)) == pytest.approx(float(keras_own(step)), rel=1e-4)


@pytest.mark.parametrize("t_mul", [1.0, 2.0, 3.0])
def test_each_cycle_begins_at_its_step_also_late(t_mul):
    schedule = CosineWithWarmupRestarts(1.0, 10, t_mul=t_mul)
    start, length = 0, 10
    while start < 2_000_000_000:
        assert float(schedule(start)) == 1.0
        if start:
            assert float(schedule(start - 1)) < 0.1
        length *= t_mul
        start += int(length / t_mul) if t_mul > 1 else 100_000_000


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((-1, 10), ValueError, "learning_rate=-1"),
        ((1, 10, -1), ValueError, "warmup_steps=-1"),
        ((1, 10, 10), ValueError, "first_decay_steps=10"),
        ((1, 10, 1, 0.5), ValueError, "t_mul=0.5"),
        ((1, 10, 1, 2, 0), ValueError, "m_mul=0"),
        ((1, 10, 1, 2, 1, 2), ValueError, "alpha=2"),
        ((1, 2.5), TypeError, "first_decay_steps=2.5"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        CosineWithWarmupRestarts(*args)

import math

import numpy as np
import pytest

from mlkit.optimizers.schedules import OneCycle
from mlkit.testing import ScheduleSpec


def at(step, knots, values, anneal):
    """The value on the way between the knots around `step`."""
    for a, b, low, high in zip(knots, knots[1:], values, values[1:], strict=False):
        if step <= b:
            f = (step - a) / (b - a)
            f = (1 - math.cos(math.pi * f)) / 2 if anneal == "cos" else f
            return low + (high - low) * f
    return values[-1]


def two(step, anneal):
    return at(step, [0, 0.4 * 500 - 1, 499], [0.08, 0.8, 0.0008], anneal)


def three(step, anneal):
    return at(step, [0, 199, 398, 499], [0.08, 0.8, 0.08, 0.0008], anneal)


def arguments(anneal, phases):
    return {
        "max_learning_rate": 0.8,
        "total_steps": 500,
        "pct_start": 0.4,
        "anneal_strategy": anneal,
        "div_factor": 10.0,
        "final_div_factor": 100.0,
        "three_phase": phases == 3,
        "name": "cycle",
    }


KNOTS = {2: (199, 499), 3: (199, 398, 499)}
SPECS = [
    ScheduleSpec(
        OneCycle,
        kwargs=arguments(anneal, phases),
        reference=lambda step, a=anneal, f={2: two, 3: three}[phases]: f(step, a),
        knots=KNOTS[phases],
        last=500,
        name=f"OneCycle-{anneal}-{phases}",
        excuse={}
        if (anneal, phases) == ("linear", 3)
        else {"kwargs_complete": "a case of its own; OneCycle-linear-3 has no default"},
    )
    for anneal in ("cos", "linear")
    for phases in (2, 3)
]


def test_last_rates_are_exact_however_small():
    schedule = OneCycle(1.0, 1000, anneal_strategy="linear")
    first, last = 1 / 25, 1 / 25 / 1e4
    assert float(schedule(0)) == pytest.approx(first, rel=1e-6)
    assert float(schedule(999)) == pytest.approx(last, rel=1e-6)
    want = last + (1 - last) / 700
    np.testing.assert_allclose(float(schedule(998)), want, rtol=1e-6)


def test_momentum_is_lowest_where_the_rate_is_highest():
    schedule = OneCycle(1.0, 100, pct_start=0.5, three_phase=True, anneal_strategy="linear")
    momentum = schedule.momentum(0.8, 0.9)
    config = momentum.get_config()
    assert {k: config[k] for k in ("total_steps", "pct_start", "three_phase")} == {
        "total_steps": 100,
        "pct_start": 0.5,
        "three_phase": True,
    }
    rates = [float(schedule(step)) for step in range(100)]
    momenta = [float(momentum(step)) for step in range(100)]
    assert np.argmax(rates) == np.argmin(momenta) == 49
    np.testing.assert_allclose([momenta[0], momenta[-1], min(momenta)], [0.9, 0.9, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"max_learning_rate": -1}, ValueError, "max_learning_rate=-1"),
        ({"total_steps": 1}, ValueError, "total_steps=1"),
        ({"pct_start": 1}, ValueError, "pct_start=1"),
        ({"pct_start": 0.01}, ValueError, "the first phase has no step.*pct_start=0.01"),
        ({"pct_start": 0.6, "three_phase": True}, ValueError, "at most 0.5.*pct_start=0.6"),
        ({"anneal_strategy": "cosine"}, ValueError, "anneal_strategy='cosine'"),
        ({"div_factor": 0}, ValueError, "div_factor=0"),
        ({"final_div_factor": 0}, ValueError, "final_div_factor=0"),
        ({"three_phase": 1}, TypeError, "three_phase=1"),
    ],
)
def test_wrong_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        OneCycle(**{"max_learning_rate": 0.1, "total_steps": 50, **kwargs})

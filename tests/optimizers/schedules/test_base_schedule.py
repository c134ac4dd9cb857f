import sys

import matplotlib.figure
import numpy as np
import pytest

from mlkit.optimizers.schedules import (
    WSD,
    CosineDecay,
    CosineWithWarmupRestarts,
    SequentialSchedule,
    TriangularCyclicalLearningRate,
    WarmupSchedule,
)


@pytest.mark.parametrize(
    "schedule",
    [
        WarmupSchedule(CosineDecay(0.5, 100), 20, 0.01),
        WSD(0.3, 10, 50, 40),
        TriangularCyclicalLearningRate(0.1, 0.4, 7),
        CosineWithWarmupRestarts(0.2, 30, 5, t_mul=1.5),
        SequentialSchedule([0.1, WSD(0.3, 10, 20, 10)], [30]),
    ],
    ids=lambda schedule: schedule.name,
)
def test_the_curve_is_the_rate_at_every_update(schedule):
    figure = schedule.plot(120)
    assert isinstance(figure, matplotlib.figure.Figure)
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(120))
    want = [float(schedule(step)) for step in range(120)]
    np.testing.assert_allclose(line.get_ydata(), want, rtol=1e-6, atol=1e-7)


def test_long_curves_keep_their_ends():
    (line,) = WSD(1.0, 10_000, 100_000, 10_000).plot(150_000).axes[0].lines
    x = line.get_xdata()
    assert (x[0], x[-1]) == (0, 149_999)
    assert len(x) <= 20_000


def test_the_title_says_the_highest_and_the_last_rate():
    assert WSD(0.3, 10, 50, 40).plot(81).axes[0].get_title("left") == (
        "WSD: highest 0.3 at 10, last 0.15"
    )
    assert WSD(0.3, 10, 50, 40).plot(81, title="mine").axes[0].get_title("left") == "mine"


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'WSD.plot needs matplotlib.*"mlkit-tf\[plot\]"'):
        WSD(0.3, 10, 50, 40).plot(10)


@pytest.mark.parametrize(("steps", "error"), [(0, ValueError), (2.5, TypeError)])
def test_wrong_number_of_steps(steps, error):
    with pytest.raises(error, match=f"`steps` must be .* Received: steps={steps}"):
        WSD(0.3, 10, 50, 40).plot(steps)

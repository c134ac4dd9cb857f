import math

import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import RectifiedAdam
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    weight_decay=None,
    amsgrad=False,
    sma_threshold=5.0,
    total_steps=0,
    warmup_proportion=0.1,
    min_lr=0.0,
):
    def rate(t):
        if not total_steps:
            return learning_rate
        warm = total_steps * warmup_proportion
        if t <= warm:
            return learning_rate * t / warm
        done = min((t - warm) / (total_steps - warm), 1)
        return learning_rate * (1 - done) + min_lr * done

    def rule(w, g, s, t):
        w = w - rate(t) * (weight_decay or 0) * w
        s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
        s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
        s["top"] = np.maximum(s.get("top", 0), s["v"])
        v = s["top"] if amsgrad else s["v"]
        rho_inf = 2 / (1 - beta_2) - 1
        rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
        m = s["m"] / (1 - beta_1**t)
        if rho < sma_threshold:
            return w - rate(t) * m
        top = (rho - 4) * (rho - 2) * rho_inf
        r = math.sqrt(top / ((rho_inf - 4) * (rho_inf - 2) * rho))
        return w - rate(t) * r * m / (np.sqrt(v / (1 - beta_2**t)) + epsilon)

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        RectifiedAdam,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.8,
            "beta_2": 0.99,
            "epsilon": 1e-4,
            "weight_decay": 0.03,
            "amsgrad": True,
            "sma_threshold": 6.0,
            "total_steps": 2000,
            "warmup_proportion": 0.2,
            "min_lr": 0.001,
        },
        reference=witness,
        learning_rate=0.1,
    ),
    OptimizerSpec(
        RectifiedAdam,
        kwargs={"learning_rate": 0.02, "beta_2": 0.95},
        reference=witness,
        # The first updates are not divided by the size of the gradient, which is 200 here.
        learning_rate=0.01,
        steps=4000,
        name="RectifiedAdam-plain",
        excuse={"kwargs_complete": "the defaults are the case here"},
    ),
]


@pytest.mark.parametrize("beta_1", [0.0, 0.9])
@pytest.mark.parametrize("beta_2", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
@pytest.mark.parametrize(
    "more", [{}, {"amsgrad": True, "weight_decay": 0.1}, {"total_steps": 150, "min_lr": 1e-3}]
)
def test_two_hundred_updates_beside_the_paper(beta_1, beta_2, epsilon, more):
    kwargs = {"learning_rate": 0.01, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, **more}
    must_stay_together(RectifiedAdam(**kwargs), witness(**kwargs))


def test_the_rate_that_is_read_is_the_one_of_the_next_update():
    optimizer = RectifiedAdam(0.1, total_steps=10, warmup_proportion=0.5, min_lr=0.02)
    rates = []
    for step in range(12):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    want = [0.02, 0.04, 0.06, 0.08, 0.1, 0.084, 0.068, 0.052, 0.036, 0.02, 0.02, 0.02]
    np.testing.assert_allclose(rates, want, rtol=1e-5)
    optimizer.learning_rate = 0.2
    assert optimizer.get_config()["learning_rate"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"learning_rate": -1}, ValueError),
        ({"beta_1": 1}, ValueError),
        ({"beta_2": -0.1}, ValueError),
        ({"epsilon": -1}, ValueError),
        ({"amsgrad": 1}, TypeError),
        ({"sma_threshold": 3}, ValueError),
        ({"total_steps": 1.5}, TypeError),
        ({"warmup_proportion": 2}, ValueError),
        ({"min_lr": -1}, ValueError),
    ],
)
def test_wrong_arguments(kwargs, error):
    ((name, value),) = kwargs.items()
    with pytest.raises(error, match=f"`{name}` must be .* Received: {name}={value}"):
        RectifiedAdam(**kwargs)

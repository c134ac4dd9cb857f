import math

import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import AdaBelief
from mlkit.testing import OptimizerSpec


def witness(
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-14,
    weight_decay=None,
    rectify=True,
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
        s["s"] = beta_2 * s.get("s", 0) + (1 - beta_2) * (g - s["m"]) ** 2 + epsilon
        s["top"] = np.maximum(s.get("top", 0), s["s"])
        root = np.sqrt((s["top"] if amsgrad else s["s"]) / (1 - beta_2**t)) + epsilon
        m = s["m"] / (1 - beta_1**t)
        if not rectify:
            return w - rate(t) * m / root
        rho_inf = 2 / (1 - beta_2) - 1
        rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho < sma_threshold:
            return w - rate(t) * m
        top = (rho - 4) * (rho - 2) * rho_inf
        r = math.sqrt(top / ((rho_inf - 4) * (rho_inf - 2) * rho))
        return w - rate(t) * r * m / root

    return Witness(rule)


SPECS = [
    OptimizerSpec(
        AdaBelief,
        kwargs={
            "learning_rate": 0.02,
            "beta_1": 0.8,
            "beta_2": 0.99,
            "epsilon": 1e-6,
            "weight_decay": 0.03,
            "rectify": False,
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
        AdaBelief,
        kwargs={"learning_rate": 0.02, "beta_2": 0.95},
        reference=witness,
        name="AdaBelief-rectified",
        excuse={"kwargs_complete": "the defaults are the case here"},
    ),
]


@pytest.mark.parametrize("beta_1", [0.5, 0.9])
@pytest.mark.parametrize("beta_2", [0.9, 0.999])
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(
    "more", [{}, {"amsgrad": True, "weight_decay": 0.1}, {"total_steps": 150, "epsilon": 1e-8}]
)
def test_two_hundred_updates_beside_the_paper(beta_1, beta_2, rectify, more):
    kwargs = {"learning_rate": 0.01, "beta_1": beta_1, "beta_2": beta_2, "rectify": rectify, **more}
    must_stay_together(AdaBelief(**kwargs), witness(**kwargs))


def test_wrong_rectify():
    with pytest.raises(TypeError, match=r"`rectify` must be True or False. Received: rectify=1"):
        AdaBelief(rectify=1)

import keras
import numpy as np
import pytest
from optimizer_lockstep import Witness, must_stay_together

from mlkit.optimizers import SGD, Lookahead
from mlkit.testing import OptimizerSpec


def momentum(rate):
    def rule(w, g, s, t):
        s["m"] = 0.9 * s.get("m", 0) - rate * g
        return w + s["m"]

    return Witness(rule)


class Ahead:
    """The paper's outer loop around another witness."""

    def __init__(self, inner, k, alpha):
        self.inner, self.k, self.alpha, self.t, self.slow = inner, k, alpha, 0, None

    def step(self, weights, gradients):
        self.slow = weights if self.slow is None else self.slow
        weights = self.inner.step(weights, gradients)
        self.t += 1
        if self.t % self.k == 0:
            moved = zip(self.slow, weights, strict=True)
            self.slow = weights = [s + self.alpha * (w - s) for s, w in moved]
        return weights


def witness(optimizer, sync_period=6, slow_step_size=0.5):
    return Ahead(momentum(0.03), sync_period, slow_step_size)


BASE = "arguments of the base class belong to the optimizer inside, and are refused in words"
SPECS = [
    OptimizerSpec(
        Lookahead,
        kwargs={
            "optimizer": SGD(0.03, momentum=0.9),
            "sync_period": 3,
            "slow_step_size": 0.7,
        },
        reference=witness,
        excuse={"base_arguments": BASE},
        learning_rate=0.01,
        steps=4000,
    )
]


@pytest.mark.parametrize("k", [1, 2, 6])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_two_hundred_updates_beside_the_paper(k, alpha):
    ours = Lookahead(SGD(0.01, momentum=0.9), k, alpha)
    must_stay_together(ours, Ahead(momentum(0.01), k, alpha))


def test_the_inner_optimizer_is_in_full_view():
    optimizer = Lookahead(SGD(0.1, momentum=0.9))
    w = keras.Variable(np.ones(2, "f4"))
    optimizer.build([w])
    assert len(optimizer.variables) == len(optimizer.optimizer.variables) + 1
    for _ in range(3):
        optimizer.apply([keras.ops.ones(2)], [w])
    assert int(optimizer.iterations) == int(optimizer.optimizer.iterations) == 3
    assert int(optimizer.variables[0]) == 3
    optimizer.learning_rate = 0.25
    assert float(optimizer.optimizer.learning_rate) == 0.25


def test_weights_that_are_loaded_after_build_are_what_slow_weights_begin_from(tmp_path):
    w = keras.Variable(np.zeros(2, "f4"))
    optimizer = Lookahead(SGD(0.0), 1, 0.5)
    optimizer.build([w])
    w.assign([4.0, 8.0])
    optimizer.apply([keras.ops.ones(2)], [w])
    np.testing.assert_array_equal(w, [4.0, 8.0])


def test_accumulation_of_the_inner_optimizer_counts_its_updates():
    w = keras.Variable(np.zeros(1, "f4"))
    optimizer = Lookahead(SGD(1.0, gradient_accumulation_steps=2), 2, 0.5)
    found = []
    for _ in range(8):
        optimizer.apply([-keras.ops.ones(1)], [w])
        found.append(float(w[0]))
    assert found == [0, 1, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((SGD(), 0), {}, ValueError, "sync_period=0"),
        ((SGD(), 2, 1.5), {}, ValueError, "slow_step_size=1.5"),
        ((SGD(),), {"clipnorm": 1.0}, ValueError, "give clipnorm to the optimizer inside it"),
        ((3,), {}, ValueError, "optimizer"),
        (
            (keras.mixed_precision.LossScaleOptimizer(SGD()),),
            {},
            ValueError,
            "a LossScaleOptimizer goes around the Lookahead",
        ),
    ],
)
def test_wrong_arguments(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        Lookahead(*args, **kwargs)


def test_a_name_stands_for_its_optimizer():
    assert isinstance(Lookahead("sgd").optimizer, SGD)

import keras
import numpy as np
import pytest
from optimizer_lockstep import SHAPES, Witness, must_stay_together

from mlkit.optimizers import SGD, Adam, LearningRateMultiplier, Lookahead
from mlkit.testing import OptimizerSpec


def adam(factors, rate=0.02, decay=0.0):
    """Adam in groups of parameters, each with its rate."""

    def rule(w, g, s, t):
        factor = factors[w.shape]
        w = w - factor * rate * decay * w
        s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
        s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
        step = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - factor * step * s["m"] / (np.sqrt(s["v"]) + 1e-7)

    return Witness(rule)


def witness(optimizer, multipliers, default=1.0):
    return adam(dict(zip(SHAPES, (0.5, default, 2.0), strict=True)))


BASE = "arguments of the base class belong to the optimizer inside, and are refused in words"
PLACES = "the factors are found when it is built, and saved: a loaded model may have other paths"
SPECS = [
    OptimizerSpec(
        LearningRateMultiplier,
        kwargs={
            "optimizer": Adam(0.02),
            "multipliers": {"weight_0|kernel|variable": 0.5, "weight_2|bias|variable": 2.0},
            "default": 0.75,
        },
        reference=witness,
        excuse={"base_arguments": BASE, "config_stable": PLACES},
        learning_rate=0.2,
    )
]


@pytest.mark.parametrize("factors", [(0.1, 1.0, 10.0), (0.0, 0.5, 1.0)])
@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_two_hundred_updates_beside_groups_of_parameters(factors, decay):
    multipliers = {f"weight_{i}$": factor for i, factor in enumerate(factors)}
    optimizer = LearningRateMultiplier(Adam(0.02, weight_decay=decay), multipliers)
    must_stay_together(optimizer, adam(dict(zip(SHAPES, factors, strict=True)), decay=decay))


def test_a_factor_of_zero_leaves_a_variable_bit_for_bit():
    w = keras.Variable(np.float32([0.1, np.pi]), name="frozen")
    optimizer = LearningRateMultiplier(Adam(0.1), {"frozen": 0.0})
    optimizer.apply([keras.ops.ones(2)], [w])
    np.testing.assert_array_equal(w, np.float32([0.1, np.pi]))


def model():
    layers = [keras.layers.Dense(2, name=name) for name in ("a", "b", "c")]
    return keras.Sequential(
        [keras.Input((3,)), layers[0], layers[1], keras.layers.ReLU(), layers[2]]
    )


def test_by_depth_counts_layers_with_weights_from_the_last():
    subject = model()
    optimizer = LearningRateMultiplier.by_depth(SGD(), subject, 0.5)
    optimizer.build(subject.trainable_variables)
    assert optimizer.factors == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]


def test_factors_are_those_of_the_saved_model_whose_paths_have_changed(tmp_path):
    subject = model()
    subject.compile(LearningRateMultiplier.by_depth(Adam(0.1), subject, 0.5), "mse")
    x, y = np.ones((4, 3), "f4"), np.ones((4, 2), "f4")
    subject.fit(x, y, epochs=2, verbose=0)
    subject.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.factors == subject.optimizer.factors
    assert loaded.optimizer.factors == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]
    for each in (subject, loaded):
        each.fit(x, y, epochs=2, verbose=0)
    for a, b in zip(subject.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((SGD(), {"(": 1.0}), ValueError, "is none"),
        ((SGD(), {"a": -1.0}), ValueError, r"multipliers\['a'\]=-1.0"),
        ((SGD(), {"a": 1.0}, -1), ValueError, "default=-1"),
        ((SGD(use_ema=True), {}), ValueError, "without `use_ema`"),
        ((Lookahead(SGD()), {}), ValueError, "around this one"),
    ],
)
def test_wrong_arguments(args, error, message):
    with pytest.raises(error, match=message):
        LearningRateMultiplier(*args)


def test_a_pattern_that_is_nowhere_is_an_error():
    w = keras.Variable(np.ones(2, "f4"), name="head")
    with pytest.raises(ValueError, match="the pattern 'body' is in no variable's path"):
        LearningRateMultiplier(SGD(), {"body": 0.1}).build([w])


def test_an_unbuilt_model_and_an_unbuilt_optimizer():
    with pytest.raises(ValueError, match="must be built"):
        LearningRateMultiplier.by_depth(SGD(), keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="once the optimizer is built"):
        LearningRateMultiplier(SGD(), {}).factors  # noqa: B018

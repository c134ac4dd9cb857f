"""SAM beside the formula, in numpy and step by step."""

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like, state

import mlkit as mk

X, Y = digits_like(96)


def linear(seed=0, **kwargs):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", **kwargs)
    return model


@pytest.mark.parametrize(("adaptive", "alpha"), [(False, 0.0), (True, 0.0), (False, 0.4)])
@pytest.mark.parametrize("execution", ["eager", "step", "epoch", "epoch+xla"])
def test_the_updates_are_those_of_the_formula(adaptive, alpha, execution):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))
    model = linear()
    w, b = (v.numpy().astype("float64") for v in model.trainable_variables)
    b += 0.3
    model.layers[0].bias.assign(b)

    def gradient(w, b, rows):
        error = x[rows] @ w + b - y[rows]
        return 2 * x[rows].T @ error / len(error), 2 * error.mean(axis=0)

    for _ in range(3):
        for rows in (slice(0, 6), slice(6, 12)):
            g = gradient(w, b, rows)
            t = (np.abs(w), np.abs(b)) if adaptive else (1.0, 1.0)
            norm = np.sqrt(sum(np.sum((a * s) ** 2) for a, s in zip(g, t, strict=True)))
            e = [0.2 * a * s**2 / norm for a, s in zip(g, t, strict=True)]
            p = gradient(w + e[0], b + e[1], rows)
            flat_g, flat_p = (np.concatenate([a.ravel() for a in part]) for part in (g, p))
            upright = flat_g - flat_p * (flat_g @ flat_p) / (flat_p @ flat_p)
            step = flat_p - alpha * upright
            w, b = w - 0.1 * step[:3, None], b - 0.1 * step[3:]
    options = {"rho": 0.2, "adaptive": adaptive, "alpha": alpha, "execution": execution}
    trainer = mk.training.SAM(model, **options)
    trainer.fit(x, y, batch_size=6, epochs=3, shuffle=False, verbose=0)
    for found, expected in zip(model.trainable_variables, (w, b), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def deep():
    keras.utils.set_random_seed(1)  # the layers take their seeds when they are made
    return compiled(
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(8, kernel_regularizer="l2"),
    )


def fitted(execution, **kwargs):
    model = deep()
    trainer = mk.training.SAM(model, seed=2, execution=execution, **kwargs)
    trainer.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    return model


def test_every_program_gives_the_same_bits():
    expected = state(fitted("step"))
    for execution in ("fused", "epoch"):
        np.testing.assert_array_equal(state(fitted(execution)), expected)


def test_statistics_metrics_and_seeds_move_as_in_one_plain_pass():
    sam, plain = deep(), deep()
    options = {"batch_size": 96, "epochs": 1, "verbose": 0}
    a = mk.training.SAM(sam, seed=2, execution="epoch").fit(X, Y, **options)
    b = mk.Trainer(plain, seed=2, execution="epoch").fit(X, Y, **options)
    for x, y in zip(sam.non_trainable_variables, plain.non_trainable_variables, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)
    assert a.history == b.history
    assert not np.allclose(sam.layers[0].kernel, plain.layers[0].kernel, atol=1e-8)


def test_both_passes_see_the_same_dropout_masks():
    """With a radius of nearly nothing the update is that of plain training, masks included."""
    plain, sam = deep(), deep()
    mk.Trainer(plain, seed=2).fit(X, Y, batch_size=32, epochs=2, verbose=0)
    mk.training.SAM(sam, rho=1e-9, seed=2).fit(X, Y, batch_size=32, epochs=2, verbose=0)
    np.testing.assert_allclose(state(sam), state(plain), rtol=1e-4, atol=1e-5)
    plain, sam = deep(), deep()
    mk.Trainer(plain, seed=2, accumulate=2).fit(X, Y, batch_size=32, epochs=2, verbose=0)
    options = {"rho": 1e-9, "seed": 2, "accumulate": 2}
    mk.training.SAM(sam, **options).fit(X, Y, batch_size=32, epochs=2, verbose=0)
    np.testing.assert_allclose(state(sam), state(plain), rtol=1e-4, atol=1e-5)


def test_accumulation_is_the_big_batch():
    models = [compiled() for _ in range(2)]
    for model, parts in zip(models, (1, 4), strict=True):
        trainer = mk.training.SAM(model, rho=0.5, seed=0, accumulate=parts)
        trainer.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    np.testing.assert_allclose(state(models[0]), state(models[1]), rtol=1e-4, atol=1e-6)


def test_loss_scaling_does_not_change_the_update():
    plain, scaled = linear(), linear()
    scaled.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    for model in (plain, scaled):
        mk.training.SAM(model, rho=0.5, seed=0).fit(
            X[:, :3], X[:, 3:4], batch_size=32, epochs=2, verbose=0
        )
    for a, b in zip(plain.trainable_variables, scaled.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_model_with_its_own_step_and_bad_settings_are_refused():
    class Own(keras.Model):
        def train_step(self, data):
            return {}

    with pytest.raises(ValueError, match="own train_step"):
        mk.training.SAM(Own())
    with pytest.raises(ValueError, match="`rho`"):
        mk.training.SAM(linear(), rho=0)
    with pytest.raises(ValueError, match="`alpha`"):
        mk.training.SAM(linear(), alpha=-1)
    with pytest.raises(TypeError, match="`adaptive`"):
        mk.training.SAM(linear(), adaptive=1)

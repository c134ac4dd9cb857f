"""Several optimizers by pattern: each does what it would do alone, and all of it is saved."""

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like, state

import mlkit as mk

X, Y = digits_like(96)


def model_with(optimizer, **kwargs):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((12,)), layers.Dense(8, "tanh", name="body"), layers.Dense(3, name="head")]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **kwargs)
    return model


def both():
    return mk.training.MultiOptimizer(
        {"body": keras.optimizers.Adam(0.01)}, default=keras.optimizers.SGD(0.1, momentum=0.9)
    )


@pytest.mark.parametrize("loop", ["keras", "trainer", "trainer+xla"])
def test_each_optimizer_does_what_it_does_alone(loop):
    model = model_with(both())
    reference = model_with("sgd")
    adam, sgd = keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.1, momentum=0.9)
    body, head = (reference.get_layer(n).trainable_variables for n in ("body", "head"))
    for _ in range(4):
        for start in (0, 48):
            batch = X[start : start + 48], Y[start : start + 48]
            _, grads = mk.training.value_and_grad(
                lambda b: reference.compute_loss(y=b[1], y_pred=reference(b[0])),
                [*body, *head],
                batch,
            )
            adam.apply(grads[:2], body)
            sgd.apply(grads[2:], head)
    options = {"batch_size": 48, "epochs": 4, "shuffle": False, "verbose": 0}
    if loop == "keras":
        model.fit(X, Y, **options)
    else:
        mk.fit(model, X, Y, execution="epoch" + loop.removeprefix("trainer"), **options)
    for a, b in zip(model.trainable_variables, reference.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert int(model.optimizer.iterations) == 8


def test_training_goes_on_after_a_load_as_if_nothing_had_been(tmp_path):
    """Keras' own loses its state here: a loaded Sequential has other paths."""
    options = {"batch_size": 32, "shuffle": False, "verbose": 0}
    whole = model_with(both())
    whole.fit(X, Y, epochs=4, **options)
    half = model_with(both())
    half.fit(X, Y, epochs=2, **options)
    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.assignments == half.optimizer.assignments == [0, 0, 1, 1]
    np.testing.assert_array_equal(state(loaded), state(half))
    loaded.fit(X, Y, epochs=2, **options)
    np.testing.assert_array_equal(state(loaded), state(whole))


def test_patterns_that_the_loaded_paths_do_not_hold_are_not_looked_for_again(tmp_path):
    model = model_with("sgd")
    path = model.trainable_variables[0].path
    pattern = "^" + path.partition("body")[0] + "body"
    inner = keras.optimizers.Adam(0.01)
    optimizer = mk.training.MultiOptimizer({pattern: inner}, default=keras.optimizers.SGD(0.1))
    model.compile(optimizer, model.loss)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.trainable_variables[0].path != path  # or Keras has mended it
    np.testing.assert_array_equal(state(loaded), state(model))
    loaded.fit(X, Y, verbose=0)
    assert int(loaded.optimizer.optimizers[pattern].iterations) == 6


def test_the_first_pattern_counts_and_each_must_be_found():
    first, second, rest = (keras.optimizers.SGD(r) for r in (0.1, 0.2, 0.3))
    optimizer = mk.training.MultiOptimizer({"kernel": first, "head": second}, default=rest)
    model = model_with(optimizer)
    optimizer.build(model.trainable_variables)
    assert optimizer.assignments == [0, 2, 0, 1]
    missing = mk.training.MultiOptimizer({"tail": keras.optimizers.SGD()}, keras.optimizers.SGD())
    with pytest.raises(ValueError, match="'tail' is in no variable's path"):
        missing.build(model.trainable_variables)


def test_what_is_frozen_stays_and_averages_are_finalized():
    inner = keras.optimizers.Adam(0.1, weight_decay=0.1)
    optimizer = mk.training.MultiOptimizer(
        {"body": inner}, default=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    )
    model = model_with(optimizer)
    before = model.get_layer("body").kernel.numpy()
    trainer = mk.Trainer(model, gradients=[mk.gradients.mask("body")], seed=0)
    trainer.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.get_layer("body").kernel, before)
    averages = [v for v in optimizer.default.variables if "average" in v.path]
    np.testing.assert_array_equal(model.get_layer("head").kernel, averages[0])


def test_inside_a_loss_scale_optimizer():
    scaled = model_with(keras.optimizers.LossScaleOptimizer(both()))
    plain = model_with(both())
    for model in (scaled, plain):
        model.fit(X, Y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(scaled.trainable_variables, plain.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_learning_rate_is_set_at_the_inner_optimizers():
    optimizer = both()
    optimizer.optimizers["body"].learning_rate = 0.5
    assert float(optimizer.optimizers["body"].learning_rate) == 0.5
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    with pytest.raises(AttributeError, match=r"optimizer\.default"):
        optimizer.learning_rate = 1.0


def test_what_is_no_set_of_optimizers_is_refused():
    sgd, multi = keras.optimizers.SGD, mk.training.MultiOptimizer
    with pytest.raises(TypeError, match="must be Keras optimizers"):
        multi({"a": "sgd"}, sgd())
    with pytest.raises(ValueError, match="plain optimizers"):
        multi({"a": keras.optimizers.LossScaleOptimizer(sgd())}, sgd())
    shared = sgd()
    with pytest.raises(ValueError, match="different objects"):
        multi({"a": shared}, shared)
    built = both()
    model = model_with(built)
    built.build(model.trainable_variables)
    with pytest.raises(ValueError, match=r"was built without the variable .*kernel"):
        built.apply([np.zeros((12, 16), "float32")], [compiled().trainable_variables[0]])

"""Accumulation and transforms inside Keras' own `fit`."""

import keras
import numpy as np
import pytest
from loop_subjects import compiled, digits_like, state, weights

import mlkit as mk

X, Y = digits_like(512)


def optimizers(kind):
    if kind == "schedule":
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 6))
    if kind == "ema":
        return keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5)
    return keras.optimizers.SGD(0.1, momentum=0.9)


@pytest.mark.parametrize("kind", ["plain", "schedule", "ema"])
def test_four_parts_of_64_are_a_batch_of_256(kind):
    options = {"batch_size": 256, "epochs": 3, "shuffle": False, "verbose": 0}
    whole, parts = (compiled(optimizer=optimizers(kind)) for _ in range(2))
    mk.training.patch(parts, accumulate=4)
    a, b = whole.fit(X, Y, **options), parts.fit(X, Y, **options)
    assert int(whole.optimizer.iterations) == int(parts.optimizer.iterations) == 6
    # Adam divides by √v: where v is nearly 0 the last bit of a gradient is seen in the weight.
    assert np.abs(weights(whole) - weights(parts)).max() <= 1e-6
    for name in a.history:
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-5)


def test_a_patched_model_is_saved_and_loaded_and_goes_on(tmp_path):
    options = {"batch_size": 64, "shuffle": False, "verbose": 0}
    clip = [mk.gradients.clip_by_global_norm(0.1)]
    whole, half = compiled(), compiled()
    for model in (whole, half):
        mk.training.patch(model, accumulate=2, gradients=clip)
    whole.fit(X, Y, epochs=2, **options)
    half.fit(X, Y, epochs=1, **options)
    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(state(loaded), state(half))
    mk.training.patch(loaded, accumulate=2, gradients=clip)
    loaded.fit(X, Y, epochs=1, **options)
    np.testing.assert_array_equal(state(loaded), state(whole))


def test_transforms_act_and_unpatch_puts_the_old_step_back():
    model = compiled(optimizer="sgd")
    model.fit(X, Y, verbose=0)  # traced before
    before = weights(model)
    mk.training.patch(model, gradients=[mk.gradients.scale(0.0)])
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(weights(model), before)
    mk.training.unpatch(model)
    model.fit(X, Y, verbose=0)
    assert np.abs(weights(model) - before).max() > 0


def test_the_logs_and_validation_are_those_of_fit():
    plain, patched = compiled(), compiled()
    mk.training.patch(patched)
    options = {"shuffle": False, "verbose": 0, "epochs": 2, "validation_data": (X[:50], Y[:50])}
    sample_weight = np.linspace(0, 2, len(X))
    a = plain.fit(X, Y, sample_weight=sample_weight, **options)
    b = patched.fit(X, Y, sample_weight=sample_weight, **options)
    assert list(a.history) == list(b.history)
    for name in a.history:
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-5)


def test_accumulation_in_a_sum_of_examples():
    options = {"batch_size": 64, "epochs": 2, "shuffle": False, "verbose": 0}
    models = []
    for parts in (1, 4):
        model = compiled()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        model.compile(keras.optimizers.SGD(1e-3), loss)
        mk.training.patch(model, accumulate=parts)
        model.fit(X, Y, **options)
        models.append(model)
    np.testing.assert_allclose(weights(models[0]), weights(models[1]), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_exact_is_refused():
    model = compiled(keras.layers.Dense(3, kernel_regularizer="l2"))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(reduction="sum"))
    mk.training.patch(model, accumulate=2)
    with pytest.raises(ValueError, match="reduction='sum'"):
        model.fit(X, Y, verbose=0)


def test_twice_and_own_steps_are_refused():
    class Own(keras.Model):
        def train_step(self, data):
            return {}

    model = compiled()
    mk.training.patch(model, accumulate=2)
    with pytest.raises(ValueError, match="is patched already"):
        mk.training.patch(model, accumulate=2)
    mk.training.unpatch(model)
    with pytest.raises(ValueError, match="is not patched"):
        mk.training.unpatch(model)
    with pytest.raises(ValueError, match="own train_step"):
        mk.training.patch(Own())


def test_the_variables_of_the_transforms_are_found_at_the_step():
    model, noise = compiled(), mk.gradients.add_noise(seed=0)
    mk.training.patch(model, gradients=[noise])
    model.fit(X, Y, batch_size=128, verbose=0)
    assert model.train_step.state_variables == noise.state_variables
    assert int(noise.state_variables[0]) == 4

import keras
import numpy as np
import pytest
from callback_subjects import LOOPS, Breaks, data, model, train

import mlkit as mk
from mlkit.callbacks import WarmupReduceLROnPlateau
from mlkit.optimizers.schedules import ExponentialDecay, ScaledSchedule
from mlkit.testing import CallbackSpec


def rate_of(made):
    return float(keras.ops.convert_to_numpy(made.optimizer.learning_rate))


SPECS = [
    CallbackSpec(
        WarmupReduceLROnPlateau,
        kwargs={
            "monitor": "val_accuracy", "factor": 0.5, "patience": 1, "verbose": 1, "mode": "max",
            "min_delta": 0.9, "cooldown": 1, "min_lr": 1e-3, "warmup": 7,
        },
        monitors="monitor",
        stateful=True,
        observe=lambda c: [c.reductions, rate_of(c.model)],
    )
]  # fmt: skip


def plateau(losses, rate, factor, patience, min_delta, cooldown, min_lr, warmup=0, epoch=1):
    """The rate of each update, as torch's ReduceLROnPlateau has it, after a linear warm-up."""
    best, bad, rest, updates, found = np.inf, 0, 0, 0, []
    for loss in losses:
        for _ in range(epoch):
            found.append(rate * min((updates + 1) / warmup, 1) if warmup else rate)
            updates += 1
        if updates < warmup:
            continue
        if loss < best - min_delta:
            best, bad = loss, 0
        else:
            bad += 1
        if rest:
            rest, bad = rest - 1, 0
        if bad >= patience:
            rate, rest, bad = max(rate * factor, min_lr), cooldown, 0
    return found


def rates_of(callback, losses, optimizer, updates=5):
    """Drive a callback by made-up epochs; the rate before each update."""
    made, found = model(optimizer=optimizer), []
    made.optimizer.build(made.trainable_variables)
    callback.set_model(made)
    callback.set_params({"epochs": len(losses)})
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        for batch in range(updates):
            found.append(float(made.optimizer.learning_rate))
            made.optimizer.iterations.assign_add(1)
            callback.on_train_batch_end(batch, {})
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return found


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("min_delta", [0.0, 0.2])
@pytest.mark.parametrize("warmup", [0, 12])
def test_the_rates_are_those_of_torch_after_a_warm_up(patience, cooldown, min_delta, warmup):
    losses = np.random.default_rng(patience).normal(size=40) + np.linspace(2, 0, 40)
    options = {"factor": 0.3, "patience": patience, "min_delta": min_delta}
    options |= {"cooldown": cooldown, "min_lr": 1e-4}
    callback = WarmupReduceLROnPlateau(mode="min", warmup=warmup, **options)
    found = rates_of(callback, losses, keras.optimizers.SGD(0.1))
    due = plateau(losses, 0.1, warmup=warmup, epoch=5, **options)
    np.testing.assert_allclose(found, due, rtol=1e-6)


def test_a_schedule_is_scaled():
    losses, options = [1.0, 1.0, 1.0, 0.5, 0.5], {"factor": 0.5, "patience": 1}
    optimizer = mk.optimizers.Lookahead(mk.optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
    found = rates_of(WarmupReduceLROnPlateau(**options), losses, optimizer)
    scale = plateau(losses, 1.0, min_delta=1e-4, cooldown=0, min_lr=0, epoch=5, **options)
    np.testing.assert_allclose(found, 0.1 * 0.5 ** (np.arange(25) / 10) * scale, rtol=1e-5)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_trained_follows_a_scaled_schedule(loop):
    """Weights of gradient descent with a scale of 0 from the second epoch on stay."""
    seen = []

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights())

    made = model(optimizer=keras.optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
    train([], loop, made)  # a step that was traced before
    callback = WarmupReduceLROnPlateau("loss", 1e-9, patience=1, min_delta=1e9)
    train([callback, Weights()], loop, made)
    assert callback.reductions == 2
    for before, after in zip(seen[1], seen[2], strict=True):
        np.testing.assert_allclose(after, before, atol=1e-7)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(seen[0], seen[1], strict=True))


def test_a_warm_up_ends_in_every_loop_at_the_base():
    for loop in LOOPS:
        made = model(optimizer=keras.optimizers.SGD(0.25))
        train(WarmupReduceLROnPlateau("loss", patience=9, warmup=11), loop, made)
        assert float(made.optimizer.learning_rate) == 0.25


def test_a_second_fit_scales_the_scaled_schedule_on():
    made = model(optimizer=keras.optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
    for _ in range(2):
        train(
            WarmupReduceLROnPlateau("loss", 0.5, patience=1, min_delta=9, mode="min"), "fit", made
        )
    config = made.optimizer.get_config()["learning_rate"]["config"]
    assert config["scale"] == 0.5**4
    assert config["learning_rate"]["class_name"] == "ExponentialDecay"


def test_kept_over_a_run_that_is_broken_off(tmp_path):
    def job(run, breaks_in=None):
        made = model(optimizer=keras.optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
        callback = WarmupReduceLROnPlateau("loss", 0.5, patience=2, min_delta=9)
        options = {"epochs": 5, "batch_size": 8, "verbose": 0, "seed": 0, "run": tmp_path / run}
        mk.fit(made, *data(), callbacks=[callback, Breaks(breaks_in)], **options)
        return [callback.reductions, *made.get_weights()]

    with pytest.raises(RuntimeError, match="broken"):
        job("a", breaks_in=4)
    for resumed, whole in zip(job("a"), job("b"), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_says_what_it_did(capsys):
    callback = WarmupReduceLROnPlateau("loss", 0.5, patience=1, verbose=1, min_delta=9)
    train(callback, made=model(optimizer=keras.optimizers.SGD(0.5)), epochs=2)
    said = capsys.readouterr().out
    assert said.startswith("WarmupReduceLROnPlateau: epoch 2: loss was best at ")
    assert said.endswith(", the rate is 0.25.\n")


def test_what_cannot_be_is_refused():
    made = model(optimizer=keras.optimizers.SGD(ScaledSchedule(0.1)))
    with pytest.raises(ValueError, match=r"belongs there: mk\.optimizers.*warmup=3"):
        train(WarmupReduceLROnPlateau("loss", warmup=3), made=made)
    other = keras.callbacks.ReduceLROnPlateau("loss")
    for loop in ("fit", "step"):
        with pytest.raises(ValueError, match="ReduceLROnPlateau both set the learning rate"):
            train([WarmupReduceLROnPlateau("loss"), other], loop)


@pytest.mark.parametrize("loop", ["fit", "step"])
def test_a_scheduler_that_builds_on_the_rate_undoes_nothing(loop):
    made = model(optimizer=keras.optimizers.SGD(0.4))
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    never = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=9)
    train([halve, never], loop, made=made, epochs=2)
    assert float(made.optimizer.learning_rate) == pytest.approx(0.1)
    anew = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    if loop == "step":
        with pytest.raises(ValueError, match="both set the learning rate"):
            train([anew, never], loop)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"factor": 1.0}, "factor=1.0"),
        ({"patience": 0}, "patience=0"),
        ({"verbose": 2}, "verbose=2"),
        ({"min_delta": -1}, "min_delta=-1"),
        ({"cooldown": -1}, "cooldown=-1"),
        ({"min_lr": -1}, "min_lr=-1"),
        ({"warmup": -1}, "warmup=-1"),
        ({"monitor": "reward"}, "cannot tell whether a larger 'reward'"),
    ],
)
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        WarmupReduceLROnPlateau(**kwargs)

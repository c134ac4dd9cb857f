import keras
import numpy as np
import pytest
import tensorflow as tf
from callback_subjects import data, model, same_values, train, values

import mlkit as mk
from mlkit.callbacks import LRFinder
from mlkit.testing import CallbackSpec

SPECS = [
    CallbackSpec(
        LRFinder,
        kwargs={
            "start": 1e-4,
            "end": 1.0,
            "steps": 12,
            "smoothing": 0.05,
            "diverged": 3.0,
            "verbose": 0,
        },
        observe=lambda callback: [callback.rates, callback.losses, callback.suggestion],
    )
]


def quadratic(curvature=4.0, optimizer=None):
    """Loss 0.5 c w^2 at w = 1: gradient descent diverges above the rate 2 / c."""

    class Bowl(keras.Model):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight(shape=(), initializer="ones")

        def call(self, x):
            return self.w * x

    bowl = Bowl()
    loss = lambda y, p: 0.5 * curvature * keras.ops.square(p)  # noqa: E731
    bowl.compile(optimizer or keras.optimizers.SGD(0.01), loss)
    return bowl, np.ones((8, 1), "float32")


def test_the_edge_of_a_parabola_is_found():
    bowl, x = quadratic(curvature=4.0)
    finder = LRFinder(1e-4, 100, steps=120, verbose=0).find(bowl, x, x, batch_size=8)
    # Below 2 / c the loss falls, above it rises by itself: the last rates lie above it.
    assert finder.rates[-1] > 0.5
    assert 0.01 < finder.suggestion < 0.5
    # Each loss is that of the weight before its update: w times (1 - c rate) an update.
    w = np.cumprod(np.concatenate([[1.0], 1 - 4.0 * finder.rates[:-1]]))
    np.testing.assert_allclose(finder.losses, 2.0 * w**2, rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.SGD(mk.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5), 0.9),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
        lambda: mk.training.MultiOptimizer(
            {"head": keras.optimizers.SGD(0.1)}, default=keras.optimizers.Adam(0.02)
        ),
    ],
    ids=["adam", "schedule", "loss scale", "several"],
)
def test_everything_is_put_back_to_the_bit(make, trained):
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    made, (x, y) = model(*layers, optimizer=make()), data()
    made.optimizer.build(made.trainable_variables)
    if trained:
        train([], made=made)
    optimizer, before = made.optimizer, values(made)
    metrics = [v.numpy() for m in made.metrics for v in m.variables]
    LRFinder(steps=20, verbose=0).find(made, x, y)
    assert made.optimizer is optimizer
    assert same_values(before, values(made))
    now = [v.numpy() for m in made.metrics for v in m.variables]
    assert same_values(metrics, now[: len(metrics)])
    assert not made.stop_training


def test_training_goes_on_as_if_nothing_had_been_tested():
    with_test, without = model(), model()
    x, y = data()
    LRFinder(steps=15, verbose=0).find(with_test, x, y)
    assert same_values(values(train([], made=with_test)), values(train([], made=without)))


def test_put_back_after_an_error():
    class Breaks(LRFinder):
        def on_update(self, update, logs):
            super().on_update(update, logs)
            raise RuntimeError("broken")

    made, (x, y) = model(), data()
    before = made.get_weights()
    optimizer = made.optimizer
    with pytest.raises(RuntimeError, match="broken"):
        Breaks(verbose=0).find(made, x, y)
    assert made.optimizer is optimizer
    assert same_values(before, made.get_weights())


def test_several_optimizers_keep_the_ratio_of_their_rates():
    seen = []

    class Watch(LRFinder):
        def on_train_batch_begin(self, batch, logs=None):
            super().on_train_batch_begin(batch, logs)
            inner = self.model.optimizer
            seen.append((float(inner.optimizers["head"].learning_rate), float(inner.learning_rate)))

    several = mk.training.MultiOptimizer(
        {"head": keras.optimizers.SGD(0.1)}, default=keras.optimizers.Adam(0.02)
    )
    x, y = data()
    Watch(verbose=0, steps=12).find(model(keras.layers.Dense(4), optimizer=several), x, y)
    for head, rest in seen:
        assert rest == pytest.approx(head / 5, rel=1e-5)


def test_takes_a_dataset_and_several_steps_a_call():
    made = model(steps_per_execution=4)
    finder = LRFinder(steps=12, verbose=0)
    finder.find(made, tf.data.Dataset.from_tensor_slices(data()).batch(8))
    assert len(finder.rates) == 12
    assert made.steps_per_execution == 4


def test_the_same_call_finds_the_same():
    x, y = data()
    first, second = (LRFinder(steps=30, verbose=0).find(model(), x, y) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)


def test_says_why(capsys):
    x, y = data()
    finder = LRFinder(1e-4).find(model(), x, y)
    said = capsys.readouterr().out
    assert said == f"LRFinder: {finder.reason}\n"
    assert f"suggests {finder.suggestion:.2e}: " in said


def test_no_suggestion_where_the_loss_never_falls():
    bowl, x = quadratic(curvature=4.0)
    finder = LRFinder(1.0, 2.0, steps=20, verbose=0).find(bowl, x, x)
    assert finder.suggestion is None
    assert "never fell" in finder.reason


def test_draws_itself():
    x, y = data()
    finder = LRFinder(1e-4, verbose=0).find(model(), x, y)
    axes = finder.plot().axes[0]
    assert axes.get_xscale() == "log"
    assert f"{finder.suggestion:.1e}" in axes.get_title()


def test_two_that_set_the_rate_are_refused():
    with pytest.raises(ValueError, match=r"LRFinder and LRFinder both set the learning rate"):
        train([LRFinder(verbose=0), LRFinder(verbose=0)])
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    for loop in ("fit", "step"):
        with pytest.raises(ValueError, match="LearningRateScheduler and LRFinder both set"):
            train([scheduler, LRFinder(verbose=0)], loop)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"start": 0}, "start=0"),
        ({"start": 1.0, "end": 0.5}, "end=0.5"),
        ({"steps": 5}, "steps=5"),
        ({"smoothing": 0.5}, "smoothing=0.5"),
        ({"diverged": 0}, "diverged=0"),
        ({"verbose": 3}, "verbose=3"),
    ],
)
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LRFinder(**kwargs)
